"""Networks of our own that read published weights. They import torch: only workers come here."""
