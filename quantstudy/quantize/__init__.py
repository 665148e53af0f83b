"""How it is quantized: schemes, calibration, the simulated path and the torchao path."""
