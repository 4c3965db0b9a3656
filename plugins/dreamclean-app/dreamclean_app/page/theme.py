"""How the page looks: the fonts of the system, nothing from elsewhere."""

from typing import Any

import gradio as gr

TITLE = "DreamClean"
CSS = """
.gradio-container { max-width: 1320px !important; width: 100% !important; margin: 0 auto !important; }
.gradio-container main, .gradio-container .wrap, .gradio-container .contain { width: 100%; }
.dc-guide { margin: 0; padding-left: 1.3rem; line-height: 1.7; color: var(--body-text-color-subdued); }
#dc-head h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.02em; }
#dc-head p { margin: .15rem 0 0; color: var(--body-text-color-subdued); font-size: 1rem; }
.dc-line { padding: .2rem 0; line-height: 1.45; overflow-wrap: anywhere; }
.dc-good { color: var(--body-text-color); font-weight: 600; }
.dc-bad { color: #b42318; }
.dark .dc-bad { color: #ffa198; }
.dc-bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); overflow: hidden; margin: .35rem 0; }
.dc-bar > div { height: 100%; background: var(--color-accent); border-radius: 4px; transition: width .4s; }
.dc-busy > div { width: 30%; animation: dc-go 1.6s infinite ease-in-out; }
@keyframes dc-go { from { margin-left: -30%; } to { margin-left: 100%; } }
#dc-view { min-height: 420px; }
#dc-status { min-height: 2.6rem; }
/* Nothing can be painted before the picture is there, which is the first thing that can be undone. */
#dc-paint:not(:has([aria-label=Undo]:enabled)) canvas { pointer-events: none; }
.dc-unseen { display: none !important; }
footer { display: none !important; }
"""


def theme() -> Any:
    """Calm greys and one blue."""
    return gr.themes.Soft(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    ).set(
        block_label_background_fill="*background_fill_primary",
        block_label_background_fill_dark="*background_fill_secondary",
        block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
        block_border_width="1px",
        body_text_color_subdued="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )
