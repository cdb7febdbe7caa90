"""Whether a studio may be served like that."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs.errors import ConfigError
from mountfs.studio.safety import Problem, Serving, is_loopback, is_trusted, networks, problems, require_safe
from mountfs.studio.signing import make_key


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A studio that is served to its own machine, by a user who is not root."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    make_key(folder / "signing.key")
    (folder / "studio.db").touch(mode=0o600)
    return Serving("127.0.0.1", folder, folder / "signing.key", user=os.geteuid() or 1000)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=studio.example"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "key.pem").chmod(0o640)
    return folder / "cert.pem", folder / "key.pem"


def found(serving: Serving) -> list[Problem]:
    """The problems, without those of the folders in which the tests happen to run."""
    return [each for each in problems(serving) if "everybody may rename" not in each.text]


def refusals(serving: Serving) -> list[str]:
    return [each.text for each in problems(serving) if each.refuses]


def test_a_studio_for_its_own_machine_is_served(serving: Serving):
    """Nothing is asked of somebody who tries it out."""
    assert found(serving) == []
    require_safe(problems(serving))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "", "192.0.2.1", "studio.example", "localhost.example"])
def test_nothing_is_served_in_plain_text_beyond_this_machine(serving: Serving, bind: str):
    """Whoever forgets TLS is told what to change, and no password crosses the network."""
    exposed = replace(serving, bind=bind)
    assert len(refusals(exposed)) == 1
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1.*--cert and --key.*--trusted-proxy"):
        require_safe(problems(exposed))


def test_a_certificate_or_a_declared_proxy_lets_a_studio_out(
    serving: Serving, certificate: tuple[Path, Path]
):
    """Each of both is enough; a proxy elsewhere is warned about."""
    out = replace(serving, bind="0.0.0.0")
    assert found(replace(out, tls_certificate=certificate[0], tls_key=certificate[1])) == []
    assert found(replace(out, trusted_proxies=("127.0.0.1",))) == []
    (warned,) = found(replace(out, trusted_proxies=("10.0.0.5",)))
    assert not warned.refuses
    require_safe([warned])


def test_a_proxy_that_is_everybody_is_refused(serving: Serving):
    """Or anybody could claim to come from anywhere."""
    for everybody in ("0.0.0.0/0", "::/0", "nonsense", "10.0.0.1/8"):
        assert refusals(replace(serving, trusted_proxies=(everybody,)))


def test_a_certificate_has_to_be_one(serving: Serving, certificate: tuple[Path, Path], tmp_path: Path):
    """Half of one, somebody else's, or one whose key others may read is refused before a client sees it."""
    chain, key = certificate
    assert "go together" in refusals(replace(serving, tls_certificate=chain))[0]
    assert (
        "cannot be looked at"
        in refusals(replace(serving, tls_certificate=chain, tls_key=tmp_path / "none"))[0]
    )
    assert "not a certificate" in refusals(replace(serving, tls_certificate=key, tls_key=key))[0]
    copy = tmp_path / "key.pem"
    copy.write_bytes(key.read_bytes())
    copy.chmod(0o644)
    assert "others may open" in refusals(replace(serving, tls_certificate=chain, tls_key=copy))[0]


@pytest.mark.parametrize("name", ["", "studio.db", "signing.key"])
@pytest.mark.parametrize("mode", [0o004, 0o040, 0o002], ids=oct)
def test_what_others_could_read_is_refused(serving: Serving, name: str, mode: int):
    """The data directory, the book and the key are nobody else's."""
    path = serving.data_dir / name
    path.chmod(path.stat().st_mode | mode)
    assert len(refusals(serving)) == 1
    assert str(path) in refusals(serving)[0]


def test_what_others_could_replace_is_told(serving: Serving):
    """A data directory in a folder where everybody renames could be another one tomorrow."""
    above = serving.data_dir.parent
    above.chmod(0o777)
    assert any(str(above) in each.what_to_do for each in problems(serving))
    above.chmod(0o1777)
    assert not any(f"{above}," in each.what_to_do for each in problems(serving))
    require_safe(problems(serving))


def test_somebody_elses_directory_is_refused(serving: Serving):
    """Whoever owns it could put anything there."""
    assert len(refusals(replace(serving, user=serving.user + 1))) == (2 if os.geteuid() else 0)


def test_a_studio_without_its_files_is_refused(serving: Serving):
    """What is not there cannot be checked."""
    serving.signing_key.unlink()
    assert len(refusals(serving)) == 1
    assert refusals(replace(serving, data_dir=serving.data_dir / "none"))


def test_root_is_warned(serving: Serving):
    """A fault in a studio of root's would be one of the whole machine."""
    (warned,) = [each for each in found(replace(serving, user=0)) if not each.refuses]
    assert "root" in warned.text


def test_every_problem_says_what_to_do(serving: Serving):
    """Nobody is left with a "no"."""
    bad = replace(
        serving, bind="0.0.0.0", user=0, trusted_proxies=("::/0",), data_dir=serving.data_dir / "no"
    )
    assert len(problems(bad)) >= 3
    assert all(each.what_to_do for each in problems(bad))


def test_addresses_are_known_in_all_their_forms():
    """An address is the same, however a socket spells it."""
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1", "localhost")))
    assert is_loopback("unix:/run/studio")
    proxies = networks(["10.0.0.0/28", "fd00::5"])
    assert all(is_trusted(each, proxies) for each in ("10.0.0.3", "::ffff:10.0.0.3", "fd00::5%eth0"))
    assert not any(is_trusted(each, proxies) for each in ("10.0.0.16", "fd00::6", "", "testclient"))
