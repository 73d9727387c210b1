"""Certificates: one for everything, and one for each of thousands of tenants."""

import base64
import ctypes
import subprocess
from pathlib import Path

DAYS = 7
MBSTRING_ASC = 0x1001
SUBJECT_ALT_NAME = 85  # NID_subject_alt_name


def make_certificate(directory):
    """A certificate as small sites have it: ECDSA P-256, here for the loopback and for every tenant. It also signs
    those of the tenants, so that a client that trusts it trusts all."""
    certificate, key = directory / "bench.pem", directory / "bench.pem.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", str(DAYS), "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,DNS:*.example.test,IP:127.0.0.1"],
                   check=True, capture_output=True, timeout=30)
    return certificate, key


class TenantCertificates:
    """Files tenant-N.pem and tenant-N.pem.key, made when they are first needed.

    By libcrypto itself: ten thousand runs of the openssl program would take minutes.
    """

    def __init__(self, directory: Path, pattern, issuer, issuer_key):
        self.directory, self.pattern, self.issuer, self.issuer_key = directory, pattern, issuer, issuer_key
        self.made = []

    def first(self, count):
        """(certificate, key) of the tenants 1 to count."""
        if len(self.made) < count:
            self.directory.mkdir(exist_ok=True)
            authority = Authority(self.issuer, self.issuer_key)
            for n in range(len(self.made) + 1, count + 1):
                certificate, key = self.directory / f"tenant-{n}.pem", self.directory / f"tenant-{n}.pem.key"
                for file, text in zip((certificate, key), authority.issue(self.pattern.format(n=n), n)):
                    file.write_text(text, encoding="ascii")
                self.made.append((certificate, key))
        return self.made[:count]


class Authority:
    def __init__(self, certificate, key):
        self.crypto = ctypes.CDLL("libcrypto.so.3")
        self.issuer = self._read("PEM_read_bio_X509", certificate)
        self.key = self._read("PEM_read_bio_PrivateKey", key)
        self.issuer_name = self._call("X509_get_subject_name", self.issuer)
        self.digest = self._call("EVP_sha256")

    def _call(self, name, *arguments):
        """A function whose result is a pointer or a number above 0."""
        function = getattr(self.crypto, name)
        function.restype = ctypes.c_void_p
        result = function(*arguments)
        if not result:
            raise RuntimeError(f"libcrypto: {name} failed")
        return ctypes.c_void_p(result)

    def _read(self, name, file):
        text = file.read_bytes()
        bio = self._call("BIO_new_mem_buf", text, len(text))
        try:
            return self._call(name, bio, None, None, None)
        finally:
            self.crypto.BIO_free(bio)

    def _pem(self, name, thing, label):
        length = self._call(name, thing, None).value
        der = ctypes.create_string_buffer(length)
        self._call(name, thing, ctypes.byref(ctypes.c_void_p(ctypes.addressof(der))))
        text = base64.b64encode(der.raw).decode("ascii")
        lines = "\n".join(text[at:at + 64] for at in range(0, len(text), 64))
        return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"

    def issue(self, host, serial):
        """PEM of a certificate for the host, and of its key."""
        key = self._call("EVP_PKEY_Q_keygen", None, None, b"EC", b"P-256")
        made = self._call("X509_new")
        extension = self._call("X509V3_EXT_conf_nid", None, None, SUBJECT_ALT_NAME, f"DNS:{host}".encode())
        try:
            self._call("X509_set_version", made, 2)
            self._call("ASN1_INTEGER_set", self._call("X509_get_serialNumber", made), ctypes.c_long(serial))
            self._call("X509_gmtime_adj", self._call("X509_getm_notBefore", made), ctypes.c_long(-3600))
            self._call("X509_gmtime_adj", self._call("X509_getm_notAfter", made), ctypes.c_long(DAYS * 86400))
            self._call("X509_NAME_add_entry_by_txt", self._call("X509_get_subject_name", made), b"CN", MBSTRING_ASC,
                       host.encode(), -1, -1, 0)
            self._call("X509_set_issuer_name", made, self.issuer_name)
            self._call("X509_set_pubkey", made, key)
            self._call("X509_add_ext", made, extension, -1)
            self._call("X509_sign", made, self.key, self.digest)
            return self._pem("i2d_X509", made, "CERTIFICATE"), self._pem("i2d_PrivateKey", key, "EC PRIVATE KEY")
        finally:
            self.crypto.X509_EXTENSION_free(extension)
            self.crypto.X509_free(made)
            self.crypto.EVP_PKEY_free(key)
