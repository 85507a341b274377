"""Settings of train and train renderer."""

from dataclasses import dataclass

from mead_manip.config.common import LANDMARKS, LANDMARKS_MODEL, OWN_RUN, SPLITS
from mead_manip.settings import execution, setting


@dataclass(frozen=True)
class TrainConfig:
    """Reconstruction (+ ClipScores) -> Manipulator."""

    weighting: str = setting(
        "literal",
        "How a clip's lambda enters the loss.",
        choices=("none", "literal", "provenance", "provenance-classnorm"),
    )
    size: str = setting("full", "Network of the paper, or a small one for a CPU.", choices=("full", "small"))
    preset: str | None = execution(
        None,
        "Settings by name: the paper's, or what our measurements favour; what is given wins.",
        choices=("ned", "ours"),
    )
    run: str = execution(OWN_RUN, "Name of the run under <workspace>/train.")
    init: str | None = execution(
        None, "Start from the networks of this run, or of this weights.h5; optimisers are new."
    )
    affwild2: str | None = execution(
        None, "Pre-train on Aff-Wild2: its folder of expression annotations, for the clips of this workspace."
    )
    iterations: int | None = setting(None, "Stop after this many iterations instead of epochs.", minimum=1)
    epochs: int | None = setting(None, "Passes over the training windows; the size's own where not given.", minimum=1)
    batch_size: int | None = setting(None, "Windows per batch; the size's own where not given.", minimum=1)
    learning_rate: float | None = setting(None, "Adam's step size; the size's own where not given.", minimum=0)
    mapping_rate: float | None = setting(
        None, "Step size of the mapping network, as a share of the others'; 1 in the paper.", minimum=0
    )
    ema: float | None = setting(
        None, "Decay of the weights' moving average, which is what is published; 0 is off.", minimum=0, maximum=0.9999
    )
    weight_adversarial: float | None = setting(
        None, "Weight of the adversarial term; the size's own where not given (1 in the paper).", minimum=0
    )
    weight_style: float = setting(1.0, "Weight of the style term.", minimum=0)
    weight_cycle: float = setting(1.0, "Weight of the cycle term.", minimum=0)
    weight_mouth: float = setting(1.0, "Weight of the jaw correlation.", minimum=0)
    weight_lips: float | None = setting(
        None, "Weight of the lips' correlation, which is not in the paper; off where not given.", minimum=0
    )
    weight_r1: float | None = setting(
        None, "Weight of R1, the penalty on the discriminator's slope at real windows; off where not given.", minimum=0
    )
    weight_diversity: float | None = setting(
        None,
        "Weight of the difference that two latents make, falling to 0 over the run; off where not given.",
        minimum=0,
    )
    balanced: bool | None = setting(None, "Draw sources of every emotion equally often; off where not given.")
    intensity_levels: bool | None = setting(
        None, "Condition styles on MEAD's level, so that --intensity of edit means levels; off where not given."
    )
    window: int | None = setting(None, "Frames of a window; 10 (the paper's) where not given.", minimum=3)
    scaling: str = setting(
        "auto",
        "Scale of the coefficients: raw (FLAME), spread (one factor for all), each (unit variance of every one).",
        choices=("auto", "raw", "spread", "each"),
    )
    actors: tuple[str, ...] = setting((), "Actors to train on; all that are not for validation where not given.")
    val_actors: tuple[str, ...] = setting((), "Actors kept out of training; one where not given, or none.")
    split: str | None = setting(
        None, "Train and validate as this published split of MEAD does, its test clips left out.", choices=SPLITS
    )
    views: tuple[str, ...] = setting(("front",), "Camera views to train on.")
    levels: tuple[str, ...] = setting(("3",), "Levels of emotion to train on; neutral is taken at any.")
    publish: str = setting(
        "best", "Which weights: best on the validation actors (last without any), or last.", choices=("best", "last")
    )
    precision: str = setting("fp32", "Arithmetic of the networks; bf16 needs CUDA.", choices=("fp32", "bf16"))
    compile: bool = setting(False, "Compile the layers around the LSTMs; needs a compiler that torch can use.")
    save_every: int = execution(500, "Iterations between two resume points.", minimum=1)
    tensorboard: bool = execution(False, "Also write TensorBoard events into the run's folder.")


@dataclass(frozen=True)
class TrainRendererConfig:
    """Videos -> Renderer."""

    video: tuple[str, ...] = setting((), "Videos of one person; of many for a meta-renderer.", positional=True)
    size: str = setting(
        "small", "Network of the paper, or one that a CPU trains in an hour.", choices=("full", "small")
    )
    pixels: str = setting("256", "Height and width of the picture that is drawn.", choices=("256", "512"))
    run: str = execution("renderer", "Name of the run under <workspace>/train.")
    init: str | None = execution(
        None, "Start from the networks of this run, or of this weights.h5; optimisers are new."
    )
    iterations: int | None = setting(None, "Stop after this many; the size's own where not given.", minimum=1)
    minutes: float | None = setting(None, "Stop by the clock instead, after this many in all.", minimum=0.1)
    learning_rate: float | None = setting(None, "Adam's step size; the size's own where not given.", minimum=0)
    temporal: bool = setting(False, "Also judge the frames of a step together.")
    vgg: str | None = execution(
        None,
        "torchvision's VGG-19 weights for the perceptual loss; those in torch's hub cache where not given, "
        "and where there are none, a loss on Laplacian pyramids.",
    )
    publish: str = setting(
        "best", "Which weights: best on the held-out end of the videos, or last.", choices=("best", "last")
    )
    most_frames: int = setting(9000, "Frames to learn from at most, spread over the videos.", minimum=100)
    precision: str = setting(
        "auto", "Arithmetic of the networks: auto is bf16 on CUDA, else fp32.", choices=("auto", "fp32", "bf16")
    )
    compile: bool | None = execution(None, "Compile the networks; on CUDA where not given.")
    report_only: bool = execution(
        False, "Say what the footage shows and lacks, as before every training; train nothing."
    )
    face: int = setting(1, "Which face of the videos, as `faces` counts them.", minimum=1)
    landmarks: str = setting("builtin", LANDMARKS)
    landmarks_model: str | None = setting(None, LANDMARKS_MODEL)
    log_every: int = execution(20, "Iterations between two lines of metrics.", minimum=1)
    validate_every: float = execution(4.0, "Minutes between two looks at held-out frames.", minimum=0.01)
    tensorboard: bool = execution(False, "Also write TensorBoard events into the run's folder.")
