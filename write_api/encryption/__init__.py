"""Envelope encryption: master keys wrap data keys, data keys seal columns and documents."""
