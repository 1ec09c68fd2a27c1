"""Server posture, licences and what must not be in the project."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

POSTURE = {
    ("server", "address"): "127.0.0.1",
    ("server", "enableCORS"): True,
    ("server", "enableXsrfProtection"): True,
    ("server", "enableStaticServing"): False,
    ("server", "enableAgentApi"): False,
    ("browser", "gatherUsageStats"): False,
    ("client", "showErrorDetails"): "none",
    ("client", "showSidebarNavigation"): False,
}


def test_streamlit_reads_the_posture_that_we_wrote(project: Path) -> None:
    code = "import streamlit.config as c; import json; print(json.dumps({k: c.get_option(k) for k in KEYS}))"
    keys = [f"{section}.{key}" for section, key in POSTURE]
    out = subprocess.run(
        [sys.executable, "-c", code.replace("KEYS", repr([*keys, "server.allowedHosts"]))],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    import json

    values = json.loads(out.strip().splitlines()[-1])
    assert values.pop("server.allowedHosts")
    assert values == {f"{section}.{key}": value for (section, key), value in POSTURE.items()}
    assert tomllib.loads((project / ".streamlit/config.toml").read_text("utf-8"))["server"]["address"] == "127.0.0.1"


def test_run_time_dependencies_are_permissive(project: Path) -> None:
    names = re.findall(r"^([A-Za-z0-9_-]+)==", (project / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        try:
            meta = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        # Packages that bundle others list those licences too; what counts is what the package says of itself.
        said = " ".join(
            [
                meta.get("License-Expression") or (meta.get("License") or "")[:60],
                *[c for c in meta.get_all("Classifier") or [] if "License" in c],
            ]
        )
        assert not re.search(r"(?<!L)\bA?GPL", said), f"{name}: {said}"
        for needed in importlib.metadata.requires(name) or []:
            if "extra ==" not in needed:
                names.append(re.split(r"[^A-Za-z0-9_.-]", needed, maxsplit=1)[0])


def test_pins_are_exact_and_opencv_wheels_agree(project: Path) -> None:
    lines = [
        line
        for line in (project / "requirements.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    pins = dict(line.split("==") for line in lines)
    assert pins["torch"] == "2.13.0" and pins["torchvision"] == "0.28.0"
    assert pins["opencv-python"] == pins["opencv-python-headless"]
    for wanted in ("streamlit", "torch", "torchvision", "pillow", "plotly", "pandas", "opencv-python", "grad-cam"):
        assert wanted in pins


def test_no_pickle_is_loaded_anywhere(project: Path) -> None:
    for path in (project / "nscweb").rglob("*.py"):
        source = path.read_text("utf-8")
        assert "import pickle" not in source and "allow_pickle=True" not in source, path
        if re.search(r"(?<!safetensors\.)torch\.load\(", source):
            assert "weights_only=True" in source, path
