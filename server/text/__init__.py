"""From what a client wrote to what is spoken: tags, counts, phonemes, sentences."""
