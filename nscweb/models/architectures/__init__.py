"""The table of networks: a new one is a file in this folder and its line here; tests walk the table."""

from __future__ import annotations

from nscweb.models.architectures import compact, zhu2021
from nscweb.models.architectures.contract import Architecture

ARCHITECTURES: dict[str, Architecture] = {
    line.name: line
    for line in (
        Architecture(
            name="compact",
            title="Compact Xception-type network (default)",
            build=compact.build,
            default_input=(48, 48),
            closed_form_cam=True,
            source="Xception (Chollet 2017) with a strided stem, made for two CPU cores",
        ),
        Architecture(
            name="zhu2021",
            title="Published network of Zhu et al. 2021",
            build=zhu2021.build,
            default_input=(45, 30),
            closed_form_cam=True,
            source="Zhu et al. 2021; layers of the authors' public repository (Apache-2.0)",
        ),
    )
}
