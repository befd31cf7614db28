"""The manifests, without a cluster: valid, locked down, and at one with the server."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships none
import pytest
import yaml

from resolver.config import ServerConfig, load_config
from tests.support import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
# The oldest in which a sidecar is an init container without further ado, and a recent one.
VERSIONS = ("1.29", "1.33")
CONFIGURATION = KUBERNETES / "base" / "sightline.yaml"

Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    """Those of a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


KUSTOMIZATIONS = {
    path.parent: documents(path)[0] for path in KUBERNETES.rglob("kustomization.yaml")
}
MANIFESTS = {
    f"{path.parent.name}/{path.stem}-{number}": document
    for path in sorted(KUBERNETES.rglob("*.yaml"))
    if path.name not in {"kustomization.yaml", CONFIGURATION.name}
    for number, document in enumerate(documents(path))
}
WORKLOADS = {
    document["kind"]: document
    for document in MANIFESTS.values()
    if document["kind"] in {"Deployment", "DaemonSet"}
}
both = pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])


def pod(kind: str) -> Document:
    """The specification of the pods of a workload."""
    found: Document = WORKLOADS[kind]["spec"]["template"]["spec"]
    return found


def server(kind: str) -> Document:
    """The container of the server."""
    (found,) = pod(kind)["containers"]
    assert isinstance(found, dict)
    return found


def containers(kind: str) -> list[Document]:
    """All of them."""
    return [*pod(kind)["initContainers"], *pod(kind)["containers"]]


def configured(kind: str) -> ServerConfig:
    """What the server makes of the file, the variables of its image, and those of the pod."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    variables = dict(re.findall(r"\b(SIGHTLINE_\w+)=(\S+)", dockerfile))
    assert variables
    variables |= {item["name"]: item["value"] for item in server(kind)["env"]}
    return load_config(CONFIGURATION, variables, {})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_manifest_is_valid(document: Document, version: str) -> None:
    """Unknown fields are errors."""
    kubernetes_validate.validate(document, version, strict=True)


def test_an_invalid_manifest_is_found() -> None:
    """The test above can fail."""
    document = {**MANIFESTS["deployment/service-0"], "spec": {"ports": [{"prot": 53}]}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


def test_every_file_belongs_to_a_kustomization() -> None:
    """And every file that one names is there."""
    named = {
        (directory / name).resolve()
        for directory, document in KUSTOMIZATIONS.items()
        for name in [
            *document["resources"],
            *(file for made in document.get("configMapGenerator", []) for file in made["files"]),
        ]
    }
    present = {path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert {path for path in named if path.suffix} == present
    assert all(path in KUSTOMIZATIONS for path in named if not path.suffix)
    spaces = {document["namespace"] for document in KUSTOMIZATIONS.values()}
    spaces |= {d["metadata"].get("namespace", d["metadata"]["name"]) for d in MANIFESTS.values()}
    assert spaces == {"sightline"}


@both
def test_ports_are_those_of_the_configuration(kind: str) -> None:
    """The server answers where the pod says that it does, over both transports."""
    ports = {
        (port["name"], port["protocol"]): port["containerPort"] for port in server(kind)["ports"]
    }
    config = configured(kind)
    assert {item.address.port for item in config.listen} == {ports["dns", "UDP"]}
    assert ports["dns", "UDP"] == ports["dns-tcp", "TCP"] > 1024  # no capability is left to it
    assert config.admin.listen.port == ports["admin", "TCP"]
    assert config.admin.listen.host == "0.0.0.0"
    annotations = WORKLOADS[kind]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(config.admin.listen.port)


@both
def test_probes_ask_the_admin_address(kind: str) -> None:
    """Readiness asks a real question; liveness only whether the process is alive."""
    probes = {
        name: server(kind)[f"{name}Probe"]["httpGet"]
        for name in ("startup", "readiness", "liveness")
    }
    assert {probe["port"] for probe in probes.values()} == {"admin"}
    paths = {name: probe["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}


@both
def test_the_zones_are_what_git_sync_checks_out(kind: str) -> None:
    """Through the link that it moves, in a volume that the server cannot write."""
    (git_sync,) = pod(kind)["initContainers"]
    options = dict(word[2:].split("=", 1) for word in git_sync["args"])
    root, link = options["root"], options["link"]
    assert configured(kind).zones == f"{root}/{link}"
    assert git_sync["restartPolicy"] == "Always"
    assert options["http-bind"] == f":{git_sync['startupProbe']['httpGet']['port']}"
    mounts = {mount["name"]: mount for mount in server(kind)["volumeMounts"]}
    assert {"name": "zones", "mountPath": root} in git_sync["volumeMounts"]
    assert mounts["zones"] == {"name": "zones", "mountPath": root, "readOnly": True}


@both
def test_what_is_written_has_a_place(kind: str) -> None:
    """The root is read-only: the state and the configuration are volumes."""
    mounts = {mount["mountPath"]: mount["name"] for mount in server(kind)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(kind)["volumes"]}
    assert volumes[mounts[str(configured(kind).state_dir)]] == {"name": "state", "emptyDir": {}}
    generated = [item["name"] for item in KUSTOMIZATIONS[KUBERNETES / "base"]["configMapGenerator"]]
    assert [volumes["configuration"]["configMap"]["name"]] == generated
    (_, option, file) = server(kind)["args"]
    assert option == "--config"
    assert mounts[str(Path(file).parent)] == "configuration"
    assert Path(file).name == CONFIGURATION.name


@both
def test_containers_can_do_nothing_but_their_work(kind: str) -> None:
    """Not root, nothing to write, no capability, no token; bounded in memory."""
    spec = pod(kind)
    assert spec["automountServiceAccountToken"] is False
    assert "hostNetwork" not in spec
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    user = spec["securityContext"]["runAsUser"]
    assert f"USER {user}:{user}" in (ROOT / "Dockerfile").read_text()
    for container in containers(kind):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"].keys() == {"memory"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@both
def test_images_are_pinned(kind: str) -> None:
    """By a tag that says a version; ours is that of the project."""
    tags = {c["name"]: c["image"].rpartition(":")[2] for c in containers(kind)}
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", tag) for tag in tags.values())
    (image,) = KUSTOMIZATIONS[KUBERNETES / "base"]["images"]
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert tags["sightline"] == image["newTag"] == version[1]


def test_both_workloads_run_the_same() -> None:
    """They differ in where their pods run, not in what these do."""
    for key in ("containers", "initContainers", "volumes", "securityContext", "dnsPolicy"):
        assert pod("Deployment")[key] == pod("DaemonSet")[key]


@both
def test_selectors_find_the_pods(kind: str) -> None:
    """Those of the workload, and no others."""
    spec = WORKLOADS[kind]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    component = {"Deployment": "deployment", "DaemonSet": "daemonset"}[kind]
    service = MANIFESTS[f"{component}/service-0"]["spec"]
    assert service["selector"] == labels
    names = {port["name"] for port in server(kind)["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= names
    assert {port["port"] for port in service["ports"]} == {53}
    for constraint in pod(kind).get("topologySpreadConstraints", []):
        assert constraint["labelSelector"]["matchLabels"] == labels
    if kind == "Deployment":
        budget = MANIFESTS["deployment/poddisruptionbudget-0"]["spec"]
        assert budget["selector"]["matchLabels"] == labels


def test_nothing_passes_but_what_is_named() -> None:
    """Both directions are closed; each opening is of our pods, and names ports that they have."""
    policies = {
        document["metadata"]["name"]: document["spec"]
        for document in MANIFESTS.values()
        if document["kind"] == "NetworkPolicy"
    }
    closed = policies.pop("default-deny")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(policies) == {"questions-in", "scrapes-in", "upstreams-out", "checks-out", "git-out"}
    ports = {port["name"] for port in server("Deployment")["ports"]}
    for policy in policies.values():
        labels = policy["podSelector"]["matchLabels"].items()
        for workload in WORKLOADS.values():
            assert labels <= workload["spec"]["template"]["metadata"]["labels"].items()
        for rule in policy.get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= ports
