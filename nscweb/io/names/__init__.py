"""What file and folder names say: sample, object number, channel, group, time, replicate."""
