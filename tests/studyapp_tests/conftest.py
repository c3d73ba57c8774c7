"""The tests' own broker, so that a worker that runs beside them hears none of their bells."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyapp.celery import app


@pytest.fixture(scope="session", autouse=True)
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the filesystem transport for the bells that tests ring."""
    folder = tmp_path_factory.mktemp("broker")
    for name in ("messages", "control"):
        (folder / name).mkdir()
    app.conf.broker_url = "filesystem://"
    app.conf.broker_transport = "studyapp.file_broker:Transport"
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    return folder
