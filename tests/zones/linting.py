"""Zones written in tests, with the expected problems marked where they belong.

`«cname-and-other»CNAME: x` says that an error with this rule id stands at the place of `CNAME`;
`«warning dangling-target»` names the severity when it is no error. The marks are taken out
before the files are read, and what is found must be exactly what was marked.
"""

from __future__ import annotations

import re
from pathlib import Path

from resolver.reload import Builder, Built
from resolver.routes import ServerDefaults

PLAN = """\
domain: corp.internal
domains: [lan.]
regions: [r1, r2]
nameservers: {ns1: [192.168.0.1]}
environments:
  prod: {clients: {r1: [10.0.0.0/16], r2: [10.1.0.0/16]}, forward: none}
  dev: {clients: {r1: [10.8.0.0/16]}, forward: none}
  qa: {clients: {r1: [10.9.0.0/16]}, forward: none}
checks: {web: {kind: tcp, port: 80}}
defaults: {check: web}
"""
_MARK = re.compile(r"«(?:(error|warning|hint) )?([a-z-]+)»")
Finding = tuple[str, str, str]
"""FILE:LINE:COLUMN, severity, rule."""


def unmark(file: str, text: str) -> tuple[str, list[Finding]]:
    """The text without its marks, and what they say."""
    found: list[Finding] = []
    clean = ""
    position = 0
    for mark in _MARK.finditer(text):
        clean += text[position : mark.start()]
        position = mark.end()
        line, column = clean.count("\n") + 1, len(clean) - clean.rfind("\n")
        found.append((f"{file}:{line}:{column}", mark[1] or "error", mark[2]))
    return clean + text[position:], found


def build(directory: Path, has_default_upstreams: bool = False, /, **files: str) -> Built:
    """Build the zones of these files (`environments` is PLAN unless given); marks are ignored."""
    for name, text in ({"environments": PLAN} | files).items():
        (directory / f"{name}.yaml").write_text(unmark(name, text)[0])
    usual = ServerDefaults(uses_system=has_default_upstreams)
    return Builder(directory, 1, lambda: usual).build(1000)


def findings(built: Built) -> list[Finding]:
    """What was found, places relative to the directory."""
    return sorted(
        (
            f"{Path(p.place.file).stem}:{p.place.line}:{p.place.column}",
            p.severity.value,
            p.rule,
        )
        for p in built.problems
    )


def assert_as_marked(directory: Path, /, **files: str) -> Built:
    """Build, and require each marked problem at its place, and no other."""
    built = build(directory, **files)
    marked = [mark for name, text in files.items() for mark in unmark(name, text)[1]]
    told = "\n".join(str(problem) for problem in built.problems)
    assert findings(built) == sorted(marked), told
    return built
