"""What scripts/train.py promises: the same curve on two workers as on one, and the same end after a kill."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import shards
import train
from chapters import ROOT

STEPS = 120
PATIENCE = 300  # seconds, for a machine with other things to do
FLAGS = [
    "--data=digits",
    "--widths=32",
    "--latent-dim=4",
    "--batch-size=32",
    f"--steps={STEPS}",
    "--log-every=1",
]
FLAGS += ["--checkpoint-every=15", "--learning-rate=0.003"]


def start(out, *flags, tf_config=None):
    """The command in a process of its own, as a person or a cluster manager starts it."""
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), f"--out={out}", *FLAGS, *flags]
    environment = {**os.environ, **({"TF_CONFIG": json.dumps(tf_config)} if tf_config else {})}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in sockets]
    for listener in sockets:
        listener.close()
    return addresses


def start_two(out, *flags):
    addresses = free_addresses(2)
    return [
        start(
            out,
            *flags,
            tf_config={"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}},
        )
        for index in (0, 1)
    ]


def curve(out):
    """The loss at each step, from the logs for TensorBoard; of a step taken twice, both."""
    losses = {}
    for path in sorted((out / "logs").iterdir()):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.tag == "loss":
                    losses.setdefault(event.step, []).append(float(tf.make_ndarray(value.tensor)))
    return losses


def newest_checkpoint(out):
    """The step of the newest checkpoint that was finished, 0 if there is none."""
    path = tf.train.latest_checkpoint(out / "checkpoints")
    return int(path.rpartition("-")[2]) if path else 0


def wait_for_checkpoint(out):
    for _ in range(PATIENCE * 10):
        if newest_checkpoint(out):
            return
        time.sleep(0.1)
    raise TimeoutError(f"no checkpoint in {out} within {PATIENCE} seconds")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """An undisturbed run in this process, while two workers and a victim run beside it."""
    folder = tmp_path_factory.mktemp("runs")
    workers = start_two(folder / "two")
    victim = start(folder / "killed", "--steps=100000")
    try:
        train.main([f"--out={folder / 'one'}", *FLAGS])
        wait_for_checkpoint(folder / "killed")
        time.sleep(random.random() / 10)  # any moment will do, so this seed is nobody's
        victim.send_signal(signal.SIGKILL)
        print([worker.communicate(timeout=PATIENCE)[0] for worker in workers])
        assert [worker.returncode for worker in workers] == [0, 0]
    finally:
        for process in [*workers, victim]:
            process.kill()
            process.communicate()
    return folder


def weights(out):
    return keras.models.load_model(out / "model.keras").get_weights()


def test_two_workers_follow_the_curve_of_one_with_the_same_global_batch(runs):
    one, two = curve(runs / "one"), curve(runs / "two")
    assert list(one) == list(two) == list(range(1, STEPS + 1))
    losses = np.array([[one[step][0], two[step][0]] for step in one])
    assert losses[-1, 0] < 0.9 * losses[0, 0]  # something was learned
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-4)


def test_training_that_was_killed_goes_on_from_its_newest_checkpoint_and_ends_where_an_undisturbed_one_ends(
    runs, capfd
):
    saved = newest_checkpoint(runs / "killed")
    assert saved >= 15
    steps = max(STEPS, saved + 5)
    for name in ("one", "killed"):
        train.main([f"--out={runs / name}", *FLAGS, f"--steps={steps}"])
    assert f"steps {saved} to {steps}" in capfd.readouterr().out
    for undisturbed, resumed in zip(weights(runs / "one"), weights(runs / "killed"), strict=True):
        np.testing.assert_allclose(undisturbed, resumed, atol=1e-6, rtol=0)


def test_when_one_of_two_workers_is_killed_both_end_and_then_go_on_to_where_two_undisturbed_ones_end(runs):
    out = runs / "widowed"
    workers = survivor, victim = start_two(out, "--steps=100000")
    try:
        wait_for_checkpoint(out)
        victim.send_signal(signal.SIGKILL)
        message = survivor.communicate(timeout=PATIENCE)[0]  # it does not wait forever
        assert survivor.returncode == 1
        assert "worker 0 of 2 has lost the others" in message
        assert "Traceback" not in message
        saved = newest_checkpoint(out)
        steps = max(STEPS, saved + 5)
        workers += start_two(out, f"--steps={steps}")
        workers += start_two(runs / "two", f"--steps={steps}") if steps > STEPS else []
        messages = [worker.communicate(timeout=PATIENCE)[0] for worker in workers[2:]]
        assert [worker.returncode for worker in workers[2:]] == [0] * len(messages), messages
        assert f"worker 0 of 2: steps {saved} to {steps}" in messages[0]
    finally:
        for process in workers:
            process.kill()
            process.communicate()
    for undisturbed, resumed in zip(weights(runs / "two"), weights(out), strict=True):
        np.testing.assert_allclose(undisturbed, resumed, atol=1e-6, rtol=0)


def test_the_folder_of_another_run_is_refused_by_the_flag_that_differs(runs, capsys):
    with pytest.raises(SystemExit):
        train.main([f"--out={runs / 'one'}", *FLAGS, "--seed=1"])
    assert "--seed expects 0, with which the run in" in capsys.readouterr().err


TF_CONFIG = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 2}}
BAD = {
    "no steps": (["--steps=0"], "--steps: expects an integer of at least 1; got '0'."),
    "half a batch": (["--batch-size=1.5"], "--batch-size: expects an integer of at least 1; got '1.5'."),
    "standing still": (["--learning-rate=0"], "--learning-rate: expects a number above 0; got '0'."),
    "too fast": (["--learning-rate=inf"], "--learning-rate: expects a number above 0; got 'inf'."),
    "not a number": (["--learning-rate=fast"], "--learning-rate: expects a number above 0; got 'fast'."),
    "negative seed": (["--seed=-1"], "--seed: expects an integer of at least 0; got '-1'."),
    "no such network": (["--network=rnn"], "--network: invalid choice: 'rnn'"),
    "no such data": (
        ["--data=minst"],
        "--data minst: there is no such folder, and load_images expects one of",
    ),
    "a folder without shards": ([f"--data={ROOT / 'vaelib'}"], "Write it with scripts/shards.py."),
    "no such likelihood": (["--likelihood=normal"], "likelihood"),
    "convolutions that do not halve": (
        ["--data=digits", "--network=conv", "--widths", "8", "8", "8", "8"],
        "sides divisible by 16; got (8, 8, 1)",
    ),
}


@pytest.mark.parametrize(("flags", "message"), BAD.values(), ids=BAD)
def test_bad_flag_gets_a_clear_message(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main([f"--out={tmp_path / 'run'}", "--steps=1", *flags])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()  # a second try, mended, is not taken for another run


@pytest.mark.parametrize("text", ["{", "{}", json.dumps(TF_CONFIG)])
def test_bad_tf_config_gets_a_clear_message(text, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(SystemExit):
        train.main([f"--out={tmp_path}"])
    assert "TF_CONFIG expects" in capsys.readouterr().err


def test_a_missing_shard_is_named(tmp_path, capsys, digits):
    shards.write_shards(digits.x_train[:6], tmp_path, 3)
    (tmp_path / "00001-of-00003.tfrecord").unlink()
    with pytest.raises(SystemExit):
        train.main([f"--out={tmp_path / 'run'}", f"--data={tmp_path}"])
    assert "lacks 00001-of-00003.tfrecord. Copy it again" in capsys.readouterr().err


# The data: what one worker sees, what several see, and where a restart goes on.


@pytest.fixture(params=["memory", "disk"])
def streams(request, tmp_path, digits, monkeypatch):
    """96 records whose first cell says which they are, 8 of them in a stream."""
    x = np.zeros((96, 2, 2, 1), "float32")
    x[:, 0, 0, 0] = np.arange(96) / 255
    if request.param == "memory":
        monkeypatch.setattr("vaelib.load_images", lambda name: digits._replace(x_train=x))
        return train.find_streams("digits", 16)[0]
    shards.write_shards(x, tmp_path, 24)
    return train.find_streams(str(tmp_path), 16)[0]


def numbers(dataset, count):
    """Which records stand in the first batches, (batches, rows)."""
    return np.array([np.rint(255 * batch[:, 0, 0, 0]) for batch in dataset.take(count).as_numpy_iterator()])


def test_an_epoch_holds_every_record_once_and_no_two_epochs_are_alike(streams):
    tf.random.set_seed(1)
    epochs = numbers(train.batches(streams, 16, seed=0, step=0), 12).reshape(2, 96)
    assert [sorted(epoch) for epoch in epochs] == [list(range(96))] * 2
    assert np.mean(epochs[0] == epochs[1]) < 0.5


def test_batches_of_several_workers_side_by_side_are_those_of_one(streams):
    tf.random.set_seed(1)
    whole = numbers(train.batches(streams, 16, seed=0, step=0), 8)
    for workers in (2, 4):
        parts = [numbers(train.batches(streams, 16, 0, 0, worker, workers), 8) for worker in range(workers)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("step", [1, 5, 6, 13])
def test_a_restart_goes_on_at_its_place_in_the_shuffled_data(streams, step):
    tf.random.set_seed(1)
    whole = numbers(train.batches(streams, 16, seed=3, step=0), step + 4)
    np.testing.assert_array_equal(numbers(train.batches(streams, 16, seed=3, step=step), 4), whole[step:])


def test_another_seed_gives_another_order(streams):
    tf.random.set_seed(1)
    first, second = (numbers(train.batches(streams, 16, seed, step=0), 6) for seed in (0, 1))
    assert np.mean(first == second) < 0.5


def test_shards_hold_every_image_to_the_nearest_of_256_grays(tmp_path, digits, capsys):
    shards.main(["--data=digits", f"--out={tmp_path}", "--shards=5"])
    assert "1437 images in 5 shards" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "shards.json").read_text())
    assert sum(manifest["records"].values()) == len(digits.x_train)
    records = [tf.data.TFRecordDataset(str(tmp_path / name)) for name in manifest["records"]]
    raw = sorted(itertools.chain.from_iterable(part.as_numpy_iterator() for part in records))
    assert raw == sorted(np.rint(255 * image).astype("uint8").tobytes() for image in digits.x_train)


@pytest.mark.parametrize("count", ["0", "100000"])
def test_impossible_number_of_shards_gets_a_clear_message(count, tmp_path, capsys):
    with pytest.raises(SystemExit):
        shards.main(["--data=digits", f"--out={tmp_path}", f"--shards={count}"])
    assert f"--shards expects 1 to 1437, an image for each; got {count}." in capsys.readouterr().err
