"""What a demo made and measured -> one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>mead-manip demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8883; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 1080px; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
img, video { max-width: 100%; border-radius: 6px } figure { margin: 1rem 0 } figcaption { opacity: .7; font-size: .9rem }
table { border-collapse: collapse } td, th { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left }
td.value { font-variant-numeric: tabular-nums; white-space: nowrap } code, pre { font-size: .88rem }
pre { padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto }
</style></head><body>
<h1>One clip, six emotions</h1>
<p>A synthetic actor the manipulators never saw, from neutral to six emotions. The upper row learned from every clip alike
(NED, &lambda; = 1); the lower row trusted each clip as far as CLIP did (&lambda; of equation 1).</p>
<figure><img alt="input and six emotions in two rows" src="data:image/png;base64,{{ figure }}"></figure>
{% for video in videos %}<figure><video src="{{ video.file }}" controls loop muted playsinline></video>
<figcaption>{{ video.caption }}</figcaption></figure>{% endfor %}
<h2>What was measured</h2>
<table>{% for row in measurements %}<tr><td>{{ row.name }}</td><td class="value">{{ row.value }}</td><td>{{ row.note }}</td></tr>
{% endfor %}</table>
<h2>What ran</h2>
<pre>{% for step in steps %}{{ "%6.1f s" | format(step.seconds) }}  {{ step.command }}
{% endfor %}</pre>
<p>The head, its textures and everything that was learned here come from CC0 assets. The numbers belong to the synthetic
data set; they say nothing about MEAD.</p>
</body></html>
"""


@dataclass(frozen=True)
class Measurement:
    """One line of the summary: what, how much, and against what to read it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A command that the demo ran, as a user would type it."""

    command: str
    seconds: float


def demo_page(
    figure: Path, videos: Mapping[str, str], measurements: Sequence[Measurement], steps: Sequence[Step]
) -> str:
    """Return the page as HTML; `videos` maps a file beside the page to its caption."""
    template = Environment(undefined=StrictUndefined, autoescape=True).from_string(TEMPLATE)
    return template.render(
        figure=base64.b64encode(figure.read_bytes()).decode(),
        videos=[{"file": file, "caption": caption} for file, caption in videos.items()],
        measurements=measurements,
        steps=steps,
    )
