"""The only room of the core with Streamlit: the script, the sign-in, and what pages are made of."""
