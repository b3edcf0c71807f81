"""A certificate authority of our own, made with the openssl program."""

import pathlib
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*args, stdin=b""):
    done = subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr.decode()}")


class Authority:
    def __init__(self, directory, name="Test CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ca = self.directory / "ca.pem"
        self.key = self.directory / "ca.key"
        openssl("req", "-x509", *CURVE, "-days", 2, "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.ca)

    def issue(self, name="localhost", alternatives=("DNS:localhost", "IP:127.0.0.1"), expired=False):
        """A server certificate; returns (certificate, key) as paths."""
        stem = self.directory / name
        key, request = stem.with_suffix(".key"), stem.with_suffix(".csr")
        certificate, extensions = stem.with_suffix(".pem"), stem.with_suffix(".ext")
        extensions.write_text("subjectAltName=" + ",".join(alternatives) + "\n")
        openssl("req", *CURVE, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        if not expired:
            openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key,
                    "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", certificate)
            return certificate, key
        # Only `openssl ca` takes a start and an end date.
        config = stem.with_suffix(".cnf")
        database = stem.with_suffix(".index")
        database.write_text("")
        config.write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.directory}\n"
            f"serial={stem}.serial\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n"
            f"[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", config, "-in", request, "-cert", self.ca,
                "-keyfile", self.key, "-startdate", "20200101000000Z", "-enddate",
                "20200102000000Z", "-extfile", extensions, "-notext", "-out", certificate)
        return certificate, key

    def self_signed(self, name="lonely"):
        """A certificate for localhost that no authority vouches for."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        openssl("req", "-x509", *CURVE, "-days", 2, "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate)
        return certificate, key
