"""The Gradio app: a module a tab; handlers are plain functions that know no gradio."""
