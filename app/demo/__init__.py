"""The demo (演示): Binzhou's real figures, brought in through the front door; its people and banks are fictitious."""
