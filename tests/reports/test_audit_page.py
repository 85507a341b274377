"""The audit's page: one file, every square where it belongs, no name can become markup."""

import re
from html.parser import HTMLParser

from mead_manip.reports.audit_page import LONGEST_LIST, audit_page, heat_maps


def cell(actor, emotion, level, found, expected=30, known="", view="front"):
    return {
        "actor": actor,
        "view": view,
        "emotion": emotion,
        "level": level,
        "expected": expected,
        "found": found,
        "known": known,
    }


CELLS = [
    cell("M003", "neutral", 1, 40, 40),
    cell("M003", "happy", 3, 30),
    cell("M009", "neutral", 1, 0, 40),
    cell("M009", "happy", 3, 12, known="12 clips in some lists"),
    cell("M003", "happy", 3, 31, view="left_30"),
]


def report(**changes):
    return {
        "root": "MEAD",
        "cells": CELLS,
        "findings": [],
        "absent": ["W009"],
        "layouts": {"<actor>/<take>.mp4": 5},
        "sizes": {"64x64": 5},
        "rates": {"30": 5},
        "n_clips": 5,
        "deep": False,
        "fingerprints": True,
        "kinds": {"silent": "without sound", "duplicate": "there twice"},
        "verdict": "incomplete (82 of 140 clips)",
        **changes,
    }


def finding(path, kind="silent", **changes):
    return {"kind": kind, "path": path, "reason": "no sound track", "known": False, "other": "", **changes}


class Page(HTMLParser):
    """Collects tags and checks that they close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_map_has_a_row_an_actor_and_a_column_a_level():
    front, left = heat_maps(CELLS)
    assert front.view == "front" and left.view == "left_30"
    assert front.columns == [("neutral", 1), ("happy", 3)]
    rows = {actor: [square.tone for square in squares] for actor, squares, _, _ in front.rows}
    assert rows == {"M003": ["full", "full"], "M009": ["none", "known"]}
    assert [row[2:] for row in front.rows] == [(70, 70), (12, 70)]
    assert left.rows[0][1][0].tone == "over" and left.rows[0][1][0].text == "31"


def test_the_page_is_well_formed_and_loads_nothing():
    page = audit_page(report(findings=[finding("a.mp4"), finding("b.mp4", "duplicate", other="c.mp4")]))
    parsed = Page(page)
    assert not {"img", "script", "link", "iframe", "video"} & {*parsed.seen}
    assert not re.search(r"https?://|url\(", page)
    assert "contains names of MEAD clips, no pictures" in page and "82 of 140" in page
    assert "M009 happy level 3: 12 of 30; 12 clips in some lists" in page and "c.mp4" in page


def test_names_are_text():
    page = audit_page(report(findings=[finding("<script>x</script>.mp4")], layouts={'"><b>': 1}))
    assert "<script>" not in page and '"><b>' not in page


def test_long_lists_are_cut_and_say_so():
    page = audit_page(report(findings=[finding(f"{number}.mp4") for number in range(LONGEST_LIST + 7)]))
    assert page.count(".mp4</code>") == LONGEST_LIST + 1 and "and 7 more" in page  # and one layout


def test_an_empty_report_has_a_page():
    Page(audit_page(report(cells=[], absent=[], layouts={}, sizes={}, rates={}, n_clips=0)))
