"""FCS files are what the standard says, and another reader finds the same numbers in them."""

from __future__ import annotations

import io

import flowio
import numpy as np
import pytest

from nscweb.files.fcs import LARGEST_WHOLE, Channel, object_channels, short_names, write_fcs


def _file(channels, **keywords):
    stream = io.BytesIO()
    written = write_fcs(stream, channels, keywords)
    assert written == len(stream.getvalue())
    return stream.getvalue()


def _read(data: bytes) -> flowio.FlowData:
    return flowio.FlowData(io.BytesIO(data))


def test_another_reader_finds_names_and_values():
    rng = np.random.default_rng(0)
    scores = rng.random((70_001, 2)).astype(np.float32)
    numbers = rng.integers(0, LARGEST_WHOLE, 70_001)
    channels = [
        *object_channels(numbers),
        Channel("ScoreNeuron", "score of neuron, 0 to 1", scores[:, 0]),
        Channel("GateBlurred", "out of focus", scores[:, 1] > 0.5),
    ]
    found = _read(_file(channels, **{"$FIL": "a µ sample.fcs", "NSCSIMULATED": "yes", "$CYT": ""}))
    values = np.reshape(found.events, (-1, found.channel_count))
    assert found.pnn_labels == ["ObjectNumber", "ScoreNeuron", "GateBlurred"]
    assert found.pns_labels[1] == "score of neuron, 0 to 1"
    np.testing.assert_array_equal(values[:, 0], numbers)
    np.testing.assert_array_equal(values[:, 1].astype(np.float32), scores[:, 0])
    np.testing.assert_array_equal(values[:, 2], scores[:, 1] > 0.5)
    assert found.text["fil"] == "a µ sample.fcs"
    assert found.text["nscsimulated"] == "yes"
    assert "cyt" not in found.text
    assert (found.text["datatype"], found.text["mode"], found.text["byteord"]) == ("F", "L", "1,2,3,4")


def test_keywords_cannot_break_out_of_their_place():
    found = _read(_file([Channel("A", "x", np.zeros(3))], NOTE="a\x0cPAR\x0c99\x0c", **{"$PAR": "7"}))
    assert found.channel_count == 1
    assert found.text["note"] == "a PAR 99"


def test_object_numbers_too_large_for_a_float_are_split():
    numbers = np.array([0, LARGEST_WHOLE, LARGEST_WHOLE + 1, 4_000_000_007])
    millions, rest = object_channels(numbers)
    found = _read(_file([millions, rest]))
    values = np.reshape(found.events, (-1, 2)).astype(np.int64)
    np.testing.assert_array_equal(values[:, 0] * 1_000_000 + values[:, 1], numbers)
    assert len(object_channels(numbers[:2])) == 1


def test_offsets_beyond_eight_digits_stand_in_the_text_alone():
    class Counted(io.RawIOBase):
        """Keeps the beginning and counts the rest."""

        def __init__(self):
            self.start, self.size = b"", 0

        def write(self, data):
            self.start += bytes(data[: max(0, 5000 - self.size)])
            self.size += len(data)
            return len(data)

    stream = Counted()
    values = np.broadcast_to(np.float32(0.5), 1_300_000)
    written = write_fcs(stream, [Channel(f"C{i}", "c", values) for i in range(20)], {})
    assert written == stream.size > 100_000_000
    assert stream.start[26:42] == b"       0       0"
    text = stream.start[256 : int(stream.start[18:26]) + 1].decode().split("\x0c")[1:-1]
    said = dict(zip(text[::2], text[1::2], strict=True))
    begin, end = int(said["$BEGINDATA"]), int(said["$ENDDATA"])
    assert begin == int(stream.start[18:26]) + 1
    assert end - begin + 1 == 4 * 20 * 1_300_000
    assert end + 1 + 8 == stream.size


def test_a_file_of_no_events_can_be_read():
    found = flowio.FlowData(io.BytesIO(_file([Channel("A", "x", np.zeros(0))])), only_text=True)
    assert found.event_count == 0


def test_short_names_hold_letters_and_digits_and_differ():
    names = short_names(["neural stem_cell", "neural_stem cell", "β", "a,b", "café"], "Score")
    assert names == ["ScoreNeuralStemCell", "ScoreNeuralStemCellx2", "Score3", "ScoreAB", "ScoreCafe"]


def test_channels_of_different_length_or_the_same_name_are_refused():
    with pytest.raises(ValueError, match="one length"):
        _file([Channel("A", "x", np.zeros(2)), Channel("B", "x", np.zeros(3))])
    with pytest.raises(ValueError, match="different names"):
        _file([Channel("A", "x", np.zeros(2)), Channel("a", "x", np.zeros(2))])
