"""A module a tab, each with `build(home, blocks)`, called inside the tab's own context."""
