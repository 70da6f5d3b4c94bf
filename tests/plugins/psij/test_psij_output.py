from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from orbit_jupyter.plugin import PluginError
from orbit_plugins.psij.output import READ_AT_MOST, TAIL, OutputFolder, read_from, read_tail


def written(folder: Path, data: bytes) -> Path:
    path = folder / "out"
    path.write_bytes(data)
    return path


def test_reads_go_on_where_the_last_ended(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\ntwo\n")
    assert read_from(path, 0, ended=False) == ("one\ntwo\n", 8)
    assert read_from(path, 4, ended=False) == ("two\n", 8)
    assert read_from(path, 8, ended=False) == ("", 8)
    assert read_from(path, 1 << 62, ended=True) == ("", 1 << 62)


def test_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_from(tmp_path / "none", 0, ended=True) == ("", 0)
    assert read_tail(tmp_path / "none") == ("", False)


@pytest.mark.parametrize("sign", ["é", "€", "🚀"])
def test_unfinished_character_waits_for_its_bytes(tmp_path: Path, sign: str) -> None:
    encoded = sign.encode()
    for have in range(1, len(encoded)):
        path = written(tmp_path, b"ab" + encoded[:have])
        assert read_from(path, 0, ended=False) == ("ab", 2)
        assert read_from(path, 2, ended=False) == ("", 2)
        text, offset = read_from(path, 0, ended=True)
        assert (text.replace("\ufffd", ""), offset) == ("ab", 2 + have)
    assert read_from(written(tmp_path, b"ab" + encoded), 0, ended=False) == ("ab" + sign, 2 + len(encoded))


def test_what_is_no_text_is_replaced_and_not_waited_for(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xff\x80\x80\x80\x80z")
    assert read_from(path, 0, ended=False) == ("\ufffd" * 5 + "z", 6)
    assert read_from(written(tmp_path, b"a\x80\x80\x80\x80"), 0, ended=False)[1] == 5


def test_long_output_comes_in_pieces_without_a_split_character(tmp_path: Path) -> None:
    whole = "a" + "€" * READ_AT_MOST
    path = written(tmp_path, whole.encode())
    offset, parts = 0, []
    while True:
        text, after = read_from(path, offset, ended=True)
        if after == offset:
            break
        assert READ_AT_MOST - 3 < after - offset <= READ_AT_MOST or after == len(whole.encode())
        offset = after
        parts.append(text)
    assert len(parts) == 4
    assert "".join(parts) == whole


def test_tail_of_short_output_is_all_of_it(tmp_path: Path) -> None:
    assert read_tail(written(tmp_path, b"x" * TAIL)) == ("x" * TAIL, False)


@pytest.mark.parametrize("shift", range(4))
def test_tail_begins_with_a_whole_character(tmp_path: Path, shift: int) -> None:
    text, cut = read_tail(written(tmp_path, ("🚀" * TAIL + "z" * shift).encode()))
    assert cut
    assert "\ufffd" not in text
    assert TAIL - 4 < len(text.encode()) <= TAIL


@pytest.mark.parametrize("data", [b"\0" * 100_000, b"\xff" * 100_000, b'"' * 100_000, b"\0" * 20_000])
def test_tail_fits_into_its_event_whatever_it_holds(tmp_path: Path, data: bytes) -> None:
    text, cut = read_tail(written(tmp_path, data))
    assert cut
    assert TAIL * 0.8 < len(msgspec.json.encode(text)) <= TAIL + 2


def test_output_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    out, err = OutputFolder(tmp_path / "psij").files("j")
    assert (out.name, err.name) == ("j.out", "j.err")
    assert out.parent == tmp_path / "psij" / "output"
    assert out.parent.stat().st_mode & 0o777 == 0o700


def test_folder_that_psij_cannot_write_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="without spaces"):
        OutputFolder(tmp_path / "my jobs").files("j")
