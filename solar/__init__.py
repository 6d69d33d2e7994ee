"""Solar (光伏): stations on roofs, what they generate, what is due and what is paid for it, and its way into the loan."""
