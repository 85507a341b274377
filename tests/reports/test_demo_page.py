"""The page that a demo leaves behind."""


def test_the_page_holds_figure_videos_numbers_and_commands(tmp_path):
    from mead_manip.reports.demo_page import Measurement, Step, demo_page

    figure = tmp_path / "figure.png"
    figure.write_bytes(b"\x89PNG fake")

    page = demo_page(
        figure,
        {"angry.mp4": "made <angry>"},
        [Measurement("AUROC", "0.93", "20 clips")],
        [Step("mead-manip train", 12.3)],
    )

    assert "data:image/png;base64,iVBORyBmYWtl" in page or "data:image/png;base64," in page
    assert 'src="angry.mp4"' in page
    assert "made &lt;angry&gt;" in page
    assert "0.93" in page
    assert "mead-manip train" in page
    assert "http" not in page.replace("http-equiv", "")  # self-contained: nothing is fetched
