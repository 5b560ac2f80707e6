"""From prompts on the Hugging Face Hub to human-verified preference datasets on the Hub."""
