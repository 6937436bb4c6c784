"""Certificates for one run: an authority that lives as long as the run, and what it has signed.

Made by the `openssl` program, since the standard library can use certificates and not make them. Keys stand in a folder
that only we can read and that is removed with the run; they are no artefact.
"""

import ssl
import subprocess
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from pilotplant.model.errors import UsageError

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_LIMIT_S = 30.0


class Certificates:
    """An authority, a certificate for us and one for the target. `authority`: files of one that is there already."""

    def __init__(self, hosts: tuple[str, ...], *, authority: tuple[Path, Path] | None = None) -> None:
        self.folder = Path(mkdtemp(prefix="pilotplant-tls-"))
        try:
            self._make(hosts, authority)
        except BaseException:
            self.remove()
            raise

    def _make(self, hosts: tuple[str, ...], authority: tuple[Path, Path] | None) -> None:
        if authority is None:
            subject = ("-subj", "/CN=Pilotplant authority of one run")
            self._openssl("req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-days", "7", *subject)
        else:
            for path, name in zip(authority, ("ca.pem", "ca.key"), strict=True):
                try:
                    (self.folder / name).write_bytes(path.read_bytes())
                except OSError as error:
                    raise UsageError(f"tls.authority: {path}: {error.strerror}") from None
        self._sign("server", hosts[0], ",".join(f"{'IP' if _numeric(each) else 'DNS'}:{each}" for each in hosts))
        self._sign("client", "pilotplant-target", "DNS:target")

    def context(self, *, clients: bool) -> ssl.SSLContext:
        """For the server; with `clients` everybody has to show a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if clients:
            context.load_verify_locations(self.folder / "ca.pem")
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def told(self) -> dict[str, str]:
        """What a target has to know: whom to trust, and what to show."""
        return {
            "PILOTPLANT_CA_FILE": str(self.folder / "ca.pem"),
            "PILOTPLANT_CLIENT_CERTIFICATE_FILE": str(self.folder / "client.pem"),
            "PILOTPLANT_CLIENT_KEY_FILE": str(self.folder / "client.key"),
        }

    def remove(self) -> None:
        """Let nothing stay."""
        rmtree(self.folder, ignore_errors=True)

    def _sign(self, name: str, subject: str, names: str) -> None:
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n", "ascii")
        request = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        self._openssl("req", *_CURVE, *request)
        signed = ("-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem")
        self._openssl("x509", "-req", *signed, "-days", "7", "-extfile", f"{name}.ext")

    def _openssl(self, *words: str) -> None:
        try:
            done = subprocess.run(
                ["openssl", *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LIMIT_S,
                check=False,
            )
        except FileNotFoundError:
            raise UsageError(
                "certificates are made by the program `openssl`, and there is none",
                help="Install it, or leave out `tls` of the target.",
            ) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"certificates cannot be made: {error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(f"certificates cannot be made: {said[-1] if said else done.returncode}")


def _numeric(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host
