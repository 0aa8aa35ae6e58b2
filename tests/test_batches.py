"""Queries, features and words as batches: prepared once, padded rightly, blind where asked."""

from collections import Counter
from dataclasses import replace

import h5py
import pytest
import torch
from torch.utils.data import DataLoader

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset, collate
from lgn_lite.errors import InputError
from lgn_lite.features import FeatureStore, prepare_features, to_fixed_length


@pytest.fixture
def config(tiny_config):
    """Four steps of time for the eight rows of the store."""
    return tiny_config(num_frames=4)


@pytest.fixture
def encode(vocabulary):
    return lambda sentence: torch.tensor(vocabulary.encode(sentence))


def test_an_item_is_its_query(queries, store, encode, vocabulary, config):
    data = MomentDataset(queries, store, encode, config)
    assert len(data) == len(queries) == 20
    item, query = data[3], queries[3]
    assert item["index"] == 3
    assert [vocabulary.words[i] for i in item["words"]] == [
        "the",
        *query.sentence.lower().split()[1:-1],
        "shines",
    ]
    assert item["span"].tolist() == [query.start / 8, query.end / 8]
    assert item["duration"] == 8
    torch.testing.assert_close(item["video"], to_fixed_length(torch.from_numpy(store[query.video]), 4))


def test_sentences_are_padded_and_counted(queries, store, encode, config):
    data = MomentDataset(queries, store, encode, config)
    chosen = [0, 2, 1]  # two words, four, two
    batch = collate([data[i] for i in chosen])
    counts = [len(encode(queries[i].sentence)) for i in chosen]
    assert batch["word_counts"].tolist() == counts == [2, 4, 2]
    assert batch["words"].shape == (3, 4)
    for row, i, count in zip(batch["words"], chosen, counts, strict=True):
        assert torch.equal(row[:count], encode(queries[i].sentence))
        assert (row[count:] == 0).all() and (row[:count] > 0).all()
    assert batch["video"].shape == (3, 4, 6)
    assert batch["index"].tolist() == chosen


def test_word_vectors_are_padded_alike(queries, store, config):
    data = MomentDataset(queries, store, lambda sentence: torch.ones(len(sentence.split()), 3), config)
    batch = collate([data[0], data[2]])
    assert batch["words"].shape == (2, 4, 3)
    assert batch["word_counts"].tolist() == [2, 4]
    assert batch["words"].sum((1, 2)).tolist() == [6, 12]


def test_a_blind_model_sees_zeros(queries, store, encode, config):
    seen, blind = (MomentDataset(queries, store, encode, config, blind=b) for b in (False, True))
    assert not blind[0]["video"].any()
    assert seen[0]["video"].any()
    assert blind[0]["video"].shape == seen[0]["video"].shape
    assert torch.equal(blind[0]["words"], seen[0]["words"])


class CountingStore(dict):
    """A store that counts how often each video is read."""

    path, dim = "counted", 6

    def __init__(self, store):
        super().__init__({video: store[video] for video in store})
        self.reads = Counter()

    def __getitem__(self, video):
        self.reads[video] += 1
        return super().__getitem__(video)


def test_each_video_is_read_and_prepared_once(queries, store, encode, config):
    counting = CountingStore(store)
    data = MomentDataset(queries, counting, encode, config)
    for _ in range(2):
        for _ in DataLoader(data, 7, shuffle=True, collate_fn=collate):
            pass
    assert counting.reads == dict.fromkeys(store, 1)


def test_l2_divides_each_stored_row_before_averaging(queries, store, encode, config):
    data = MomentDataset(queries, store, encode, config.override(frame_norm="l2"))
    rows = torch.from_numpy(store["v0"])
    unit = rows / rows.norm(dim=1, keepdim=True)
    torch.testing.assert_close(data.video("v0"), to_fixed_length(unit, 4))
    assert not torch.allclose(data.video("v0"), MomentDataset(queries, store, encode, config).video("v0"))


def test_a_row_of_zeros_stays_finite():
    assert prepare_features([[0.0, 0.0], [3.0, 4.0]], 2, "l2").tolist() == [
        [0, 0],
        [0.6000000238418579, 0.800000011920929],
    ]


def test_a_video_without_features_is_named_with_the_file(queries, store, encode, config):
    absent = Query("v99", "red light", 0.0, 1.0, 8.0)
    rule = r"video 'v99' .*'red light'.* no features in .*hand_made\.hdf5, with or without a suffix such as \.mp4: "
    with pytest.raises(InputError, match=rule):
        MomentDataset([*queries, absent], store, encode, config)


def test_all_faults_of_a_split_are_told_at_once(queries, store, encode, config, tmp_path):
    """Before anything is read: counted, the first ten named."""
    with h5py.File(tmp_path / "f.hdf5", "w") as file:
        for n, (video, rows) in enumerate(store.items()):
            file[video] = rows if n % 2 else rows[:, :5]
    faulty = FeatureStore(tmp_path / "f.hdf5")
    absent = [Query(f"w{n}", "red light", 0.0, 1.0, 8.0) for n in range(8)]
    with pytest.raises(InputError, match=r"f\.hdf5: 13 of 18 videos cannot be used: .*'w0': no features") as error:
        MomentDataset([*queries, *absent], faulty, encode, config)
    assert "; and 3 more; " in str(error.value) and "\n" not in str(error.value)
    rule = "(each is looked up with or without a suffix such as .mp4; the file's names are like 'v0')"
    assert str(error.value).endswith(rule)
    with pytest.raises(InputError, match=r"5 of 10 videos .*: 'v0': features 5 wide instead of 6; 'v2'.*queries out$"):
        MomentDataset(queries, faulty, encode, config)
    fit = [query for query in queries if int(query.video[1:]) % 2]
    assert len(MomentDataset(fit, faulty, encode, config)) == 10
    assert len(MomentDataset(queries, faulty, encode, config, blind=True)) == 20


def test_names_meet_with_and_without_suffix(queries, store, encode, config):
    renamed = [replace(query, video=f"{query.video}.avi") for query in queries]
    data, plain = MomentDataset(renamed, store, encode, config), MomentDataset(queries, store, encode, config)
    assert all(torch.equal(data[i]["video"], plain[i]["video"]) for i in range(len(queries)))


def test_no_queries_are_refused(store, encode, config):
    with pytest.raises(InputError, match="no queries"):
        MomentDataset([], store, encode, config)


def test_an_empty_sentence_fails_before_training(queries, store, encode, config):
    with pytest.raises(InputError, match="has no words"):
        MomentDataset([*queries, Query("v0", "…", 0.0, 1.0, 8.0)], store, encode, config)


def test_a_blind_data_set_needs_no_features(queries, store, encode, config):
    data = MomentDataset(queries, None, encode, config, blind=True)
    assert data[0]["video"].shape == (4, 6) and not data[0]["video"].any()
    with pytest.raises(InputError, match="no features"):
        MomentDataset(queries, None, encode, config)


def test_features_of_another_width_are_refused(queries, store, encode, config):
    with pytest.raises(InputError, match=r"hand_made\.hdf5: features 6 wide, but visual_dim=7"):
        MomentDataset(queries, store, encode, config.override(visual_dim=7))


def test_what_memory_does_not_hold_is_prepared_each_time(queries, store, encode, config):
    counting = CountingStore(store)
    data = MomentDataset(queries, counting, encode, config, memory=2 * 4 * 4 * 6)  # two videos of 4 × 6 floats
    data.preload(progress=False)
    assert list(counting.reads) == ["v0", "v1"]
    whole = MomentDataset(queries, store, encode, config)
    for _ in range(2):
        for i in range(len(queries)):
            assert torch.equal(data[i]["video"], whole[i]["video"])
    assert counting.reads["v0"] == counting.reads["v1"] == 1
    assert counting.reads["v2"] == 4  # two queries, twice
