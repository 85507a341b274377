"""A generator frame after frame: what it remembers, and what it forgets."""

import pytest
import torch

SIZE = 32


@pytest.fixture(params=["compact", "ned"])
def generator(request):
    from mead_manip.models.face_renderer import Architecture, FaceGenerator

    torch.manual_seed(0)
    compact = request.param == "compact"
    architecture = Architecture(
        kind=request.param, size=SIZE, n_frames=1 if compact else 3, n_previous=1 if compact else 2, width=8,
        encoder_blocks=1, decoder_blocks=1, compact_geometry=compact, sees_person=compact,
    )  # fmt: skip
    made = FaceGenerator.of(architecture).eval()
    for values in made.parameters():
        torch.nn.init.normal_(values, 0, 0.05)  # its first pictures are no longer the mean face
    return made.requires_grad_(False)


def views(n_frames, batch=1):
    from mead_manip.models.face_renderer import FaceView

    draw = torch.Generator().manual_seed(1)
    return [
        FaceView(*(torch.rand(batch, c, SIZE, SIZE, generator=draw) for c in (3, 1, 1, 3, 3, 1)))
        for _ in range(n_frames)
    ]


def film(generator, shown):
    from mead_manip.models.face_film import FaceFilm, next_frames

    memory = FaceFilm()
    return torch.cat([next_frames(generator, [memory], view) for view in shown])


def test_a_film_has_as_many_frames_as_it_was_shown_and_remembers(generator):
    shown = views(4)
    whole = film(generator, shown)

    assert whole.shape == (4, 3, SIZE, SIZE)
    assert torch.equal(film(generator, shown[:2]), whole[:2])
    assert not torch.allclose(film(generator, shown[2:])[0], whole[2])


def test_the_first_frame_sees_its_own_geometry_again_and_grey(generator):
    from mead_manip.models.face_renderer import RGB, conditioning, geometry

    (view,) = views(1)
    architecture = generator.architecture
    repeated = [geometry(architecture, view)] * architecture.n_frames
    grey = torch.zeros(1, RGB * architecture.n_previous, SIZE, SIZE)

    assert torch.equal(film(generator, [view]), generator(conditioning(architecture, repeated, view), grey))


def test_after_a_restart_it_is_as_new(generator):
    from mead_manip.models.face_film import FaceFilm, next_frames

    shown = views(4)
    memory = FaceFilm()
    for view in shown[:2]:
        next_frames(generator, [memory], view)
    memory.restart()

    assert torch.equal(
        torch.cat([next_frames(generator, [memory], view) for view in shown[2:]]), film(generator, shown[2:])
    )


def test_faces_of_a_batch_do_not_mix(generator):
    from mead_manip.models.face_film import FaceFilm, next_frames
    from mead_manip.models.face_renderer import FaceView

    shown = views(3, batch=2)
    memories = [FaceFilm(), FaceFilm()]
    together = torch.stack([next_frames(generator, memories, view) for view in shown])
    for row in range(2):
        alone = film(generator, [FaceView(*(picture[row : row + 1] for picture in view)) for view in shown])
        assert torch.allclose(together[:, row], alone, atol=1e-2)  # sums of a batch are rounded otherwise


def test_only_what_training_looked_at_goes_into_the_frame():
    from mead_manip.models.face_film import share_of

    mask = torch.tensor([0.0, 0.4, 0.5, 0.75, 1.0]).reshape(1, 1, 1, 5)

    assert torch.allclose(share_of(mask).flatten(), torch.tensor([0.0, 0.0, 0.0, 0.5, 1.0]))


def test_pictures_become_bytes_from_black_to_white():
    from mead_manip.models.face_film import as_bytes

    pictures = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).expand(1, 3, 1, 5)

    assert as_bytes(pictures).shape == (1, 1, 5, 3)
    assert as_bytes(pictures)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]
