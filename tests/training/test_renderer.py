"""The renderer's lessons without a video: it learns, its state is exact, and no gradient goes back in time."""

import copy

import pytest
import torch

from mead_manip.models.face_renderer import Architecture, FaceGenerator, FaceView, composited, conditioning, geometry
from mead_manip.training.renderer import Learner, Moment, mouth_side, train
from mead_manip.training.renderer_recipe import renderer_recipe
from mead_manip.training.renderer_sequences import Schedule, Sequences, Shot
from mead_manip.training.renderer_validation import validate

SIZE = 64
COMPACT = Architecture(
    kind="compact", size=SIZE, n_frames=1, n_previous=1, width=8, encoder_blocks=1, decoder_blocks=1,
    compact_geometry=True, sees_person=True,
)  # fmt: skip
NED = Architecture(size=SIZE, width=4, encoder_blocks=1, decoder_blocks=1)
SHOT = Shot(0, 0, 24)


class Stripes:
    """Footage whose frames are told by their geometry: what is asked for is a darker copy of the NMFC."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def moment(self, pieces, offset, device):
        views = [self._view(piece.start + offset) for piece in pieces]
        view = FaceView(*(torch.cat(pictures) for pictures in zip(*views, strict=True)))
        own = geometry(self.architecture, view)
        seen = conditioning(self.architecture, [own] * self.architecture.n_frames, view)
        target = composited(self.architecture, view.nmfc - 0.7, view)
        return Moment(view, seen, own, target, [(20, 30)] * len(pieces))

    def _view(self, index):
        random = torch.Generator().manual_seed(index)
        coarse = torch.rand(1, 9, 8, 8, generator=random)
        p = torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")
        mask = torch.zeros(1, 1, SIZE, SIZE)
        mask[..., 8:-8, 8:-8] = 1
        return FaceView(
            p[:, :3], p[:, 3:4], p[:, 4:5], torch.full((1, 3, SIZE, SIZE), 0.5), p[:, 5:8] * (1 - mask), mask
        )


def learner_of(architecture, **changes):
    torch.manual_seed(0)
    size = "small" if architecture.sees_person else "full"
    schedule = Schedule(per_step=2, lengths=(4,), stretch=8)
    recipe = renderer_recipe(size, **{"discriminator_width": 4, "judged_from": 2, "schedule": schedule, **changes})
    return Learner(FaceGenerator.of(architecture), recipe)


def taught(learner, steps, last=None):
    sequences, seen = Sequences([SHOT], learner.recipe.schedule, 0), []

    def watch(step, terms):
        seen.append({name: float(term.detach()) for name, term in terms.items()})
        return step + 1 != last

    train(learner, Stripes(learner.architecture), sequences, range(learner.step, steps), watch)
    return seen


def test_a_lesson_brings_the_drawn_frames_nearer_to_the_true_ones():
    learner = learner_of(COMPACT, learning_rate=3e-3, judged_from=100)
    seen = taught(learner, 40)
    assert seen[-1]["pixel"] < 0.6 * seen[0]["pixel"]
    assert validate(learner, Stripes(COMPACT), [SHOT])["l1"] < 127.5 * seen[0]["pixel"]


@pytest.mark.parametrize("temporal", [False, True])
@pytest.mark.parametrize("architecture", [COMPACT, NED], ids=["compact", "ned"])
def test_judges_join_when_it_is_their_time(architecture, temporal):
    learner = learner_of(architecture, temporal=temporal)
    before = copy.deepcopy(learner.judges.state_dict())
    first, _, third = taught(learner, 3)
    judged = {f"judge_{name}" for name in ("picture", "mouth", *(["sequence"] if temporal else []))}
    assert not judged & first.keys() and judged < third.keys()
    assert third.keys() - judged == set(learner.recipe.generator_weights)
    assert any(not torch.equal(before[name], value) for name, value in learner.judges.state_dict().items())


def test_it_goes_on_exactly_where_it_was_put_down():
    whole = learner_of(COMPACT)
    whole_terms = taught(whole, 8)

    first = learner_of(COMPACT)
    taught(first, 8, last=4)
    state = copy.deepcopy(first.state_dict())
    assert first.step == 4
    again = learner_of(COMPACT)
    again.load_state_dict(state)
    rest = taught(again, 8)
    assert rest == whole_terms[4:]
    for name, value in whole.published.state_dict().items():
        assert torch.equal(value, again.published.state_dict()[name]), name


def test_no_gradient_flows_through_the_frames_before():
    from mead_manip.training.renderer import drawn_in_order

    learner = learner_of(NED)
    pieces = Sequences([SHOT], learner.recipe.schedule, 0).pieces(0)
    _, fakes, previous = drawn_in_order(learner, Stripes(NED), pieces, None)
    assert len(fakes) == 2 and all(fake.requires_grad for fake in fakes) and not previous.requires_grad
    assert torch.equal(previous, torch.cat(fakes, dim=1).detach())
    assert (fakes[0][..., :8, :] == -1).all()  # NED's background


def test_a_network_that_answers_itself_too_loudly_does_not_grow_from_frame_to_frame():
    from mead_manip.training.renderer import drawn_in_order

    learner = learner_of(COMPACT, schedule=Schedule(per_step=12, lengths=(12,), stretch=16))
    torch.nn.init.normal_(learner.generator.head[0].weight)
    pieces = Sequences([SHOT], learner.recipe.schedule, 0).pieces(0)
    _, fakes, previous = drawn_in_order(learner, Stripes(COMPACT), pieces, None)
    loudest = [float(fake.detach().abs().max()) for fake in fakes]
    assert loudest[0] > 1 and loudest[-1] < 2 * loudest[1]
    assert previous.abs().max() <= 1


def test_what_is_published_is_the_average():
    learner = learner_of(COMPACT)
    taught(learner, 4)
    fast, slow = (dict(net.named_parameters()) for net in (learner.generator, learner.published))
    assert any(not torch.equal(fast[name], slow[name]) for name in fast)
    assert learner_of(COMPACT, ema=0.0).published.training  # the generator itself


def test_a_perfect_drawing_has_no_distance_and_all_the_sharpness():
    learner = learner_of(COMPACT)
    footage = Stripes(COMPACT)
    truths = iter([footage.moment([p], 0, torch.device("cpu")).target for p in pieces_of(SHOT)])
    learner.published.forward = lambda seen, previous: next(truths)
    scores = validate(learner, footage, [SHOT])
    assert scores["l1"] == 0 and scores["mouth_l1"] == 0
    assert scores["sharpness"] == pytest.approx(1)


def pieces_of(shot):
    from mead_manip.training.renderer_sequences import Piece

    return [Piece(shot, frame, frame + 1, False, 0) for frame in range(shot.start, shot.end)]


def test_the_mouth_s_square_is_ned_s():
    assert mouth_side(Architecture.of_size("full")) == 72 and mouth_side(Architecture.of_size("small", 512)) == 144
