import io

from rich.console import Console

from reproductions.progress import ProgressDisplay


def shown(is_terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=120)
    record = {"loss": 0.5, "val_accuracy": 0.75, "seconds": 1.5}
    with ProgressDisplay("p4cnn", epochs=2, steps=3, console=console) as display:
        for epoch in range(2):
            display.on_epoch_begin(epoch)
            for batch in range(3):
                display.on_train_batch_end(batch, {"loss": 0.5})
            assert display.bars.tasks[0].completed == 3 * (epoch + 1)
            display.epoch_done([record] * (epoch + 1))
    assert display.bars.finished
    return out.getvalue()


def test_shows_a_line_an_epoch_and_a_bar_on_a_terminal():
    plain = shown(False)
    assert "p4cnn  epoch 1/2  loss 0.5000  validation error 25.00 %  best 25.00 %  1.5 s" in plain
    assert plain.count("  epoch ") == 2
    assert "━" in shown(True)
