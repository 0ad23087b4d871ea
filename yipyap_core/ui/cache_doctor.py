"""The store doctor's findings, each with the line that repairs it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.doctor import Finding, Health
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import Services
from yipyap_core.ui.formats import plain

LOOKS: Final = {
    Health.GOOD: ":green[:material/check_circle:]",
    Health.NOTE: ":blue[:material/info:]",
    Health.BAD: ":red[:material/error:]",
}


def draw(services: Services, principal: Principal) -> None:
    """Draw every finding; what is wrong comes first."""
    findings = services.cache.examine(principal)
    ranks = {Health.BAD: 0, Health.NOTE: 1, Health.GOOD: 2}
    with st.container(border=True, gap="small"):
        for finding in sorted(findings, key=lambda one: ranks[one.health]):
            _draw_finding(finding)


def _draw_finding(finding: Finding) -> None:
    st.markdown(f"{LOOKS[finding.health]} **{plain(finding.question)}** {plain(finding.answer)}")
    if finding.fix:
        st.code(finding.fix, language="bash")
