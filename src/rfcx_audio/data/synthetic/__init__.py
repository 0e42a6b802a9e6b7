"""An embedded rainforest whose whole truth is known."""

from rfcx_audio.data.synthetic.plan import Plan, plan_rainforest
from rfcx_audio.data.synthetic.prevalence import prevalence
from rfcx_audio.data.synthetic.recipe import Rainforest
from rfcx_audio.data.synthetic.render import render
from rfcx_audio.data.synthetic.templates import Songs, Template, drawn_templates, songs_of
from rfcx_audio.data.synthetic.write import write_rainforest

__all__ = [
    "Plan",
    "Rainforest",
    "Songs",
    "Template",
    "drawn_templates",
    "plan_rainforest",
    "prevalence",
    "render",
    "songs_of",
    "write_rainforest",
]
