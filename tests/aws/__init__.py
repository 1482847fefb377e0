"""Tests of the AWS layer: the real boto3 over real sockets on this machine."""
