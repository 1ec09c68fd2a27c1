"""The only room that knows Streamlit: frame, style, session, inputs, and how things are shown."""
