"""What is asked of every trained network: shortcuts, robustness, known samples."""
