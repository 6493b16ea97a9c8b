"""The guard that keeps tests on this machine."""

import socket

import pytest


def test_nobody_else_is_called() -> None:
    with socket.socket() as outside, pytest.raises(PermissionError, match="192\\.0\\.2\\.1"):
        outside.connect(("192.0.2.1", 80))
