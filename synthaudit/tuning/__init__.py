"""Teach a diffusion model a class: LoRA with prior preservation, audited on the way."""
