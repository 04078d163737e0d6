"""Gradio's components in the memo's colours: each theme variable points at a token of app.css."""

from __future__ import annotations

from .lib import gr

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "Liberation Sans", "sans-serif")
_MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "Liberation Mono", "monospace")

_TOKENS = {
    "body_text_color": "ink",
    "body_text_color_subdued": "soft",
    "background_fill_primary": "paper",
    "background_fill_secondary": "tint",
    "block_background_fill": "paper",
    "block_border_color": "line",
    "block_label_background_fill": "paper",
    "block_label_border_color": "line",
    "block_label_text_color": "soft",
    "block_title_text_color": "ink",
    "block_info_text_color": "soft",
    "panel_background_fill": "paper",
    "panel_border_color": "line",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "border_color_accent_subdued": "accent",
    "color_accent": "accent",
    "color_accent_soft": "tint",
    "link_text_color": "accent",
    "link_text_color_hover": "ink",
    "link_text_color_visited": "accent",
    "link_text_color_active": "accent",
    "input_background_fill": "paper",
    "input_background_fill_focus": "paper",
    "input_border_color": "field",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "accent",
    "input_placeholder_color": "soft",
    "slider_color": "accent",
    "loader_color": "accent",
    "checkbox_background_color": "paper",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "field",
    "checkbox_border_color_focus": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "paper",
    "checkbox_label_background_fill_hover": "tint",
    "checkbox_label_background_fill_selected": "tint",
    "checkbox_label_border_color": "line",
    "checkbox_label_border_color_selected": "accent",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "ink",
    "button_primary_text_color": "paper",
    "button_primary_text_color_hover": "paper",
    "button_primary_border_color": "accent",
    "button_secondary_background_fill": "paper",
    "button_secondary_background_fill_hover": "tint",
    "button_secondary_text_color": "ink",
    "button_secondary_text_color_hover": "ink",
    "button_secondary_border_color": "field",
    "button_secondary_border_color_hover": "accent",
    "error_background_fill": "paper",
    "error_border_color": "loss",
    "error_text_color": "loss",
    "error_icon_color": "loss",
    "stat_background_fill": "accent",
    "table_border_color": "line",
    "table_even_background_fill": "paper",
    "table_odd_background_fill": "paper",
    "table_text_color": "ink",
    "code_background_fill": "tint",
}


def theme() -> gr.themes.Base:
    """The theme; no font is downloaded and no shadow drawn."""
    base = gr.themes.Base(font=_SANS, font_mono=_MONO, radius_size="sm", text_size="md", spacing_size="md")
    known = {name for name in dir(base) if not name.startswith("_")}
    colours = {}
    for name, token in _TOKENS.items():
        colours[name] = f"var(--{token})"
        if f"{name}_dark" in known:
            colours[f"{name}_dark"] = f"var(--{token})"
    return base.set(
        **colours,
        body_background_fill="#ffffff",
        body_background_fill_dark="#14171a",
        block_shadow="none",
        block_border_width="0px",
        block_padding="0",
        block_label_padding="0",
        block_radius="0px",
        layout_gap="1rem",
        input_border_width="1px",
        input_shadow="none",
        input_shadow_focus="0 0 0 1px var(--accent)",
        checkbox_shadow="none",
        button_primary_shadow="none",
        button_secondary_shadow="none",
        block_title_text_weight="600",
        block_label_text_weight="600",
    )
