"""The one Streamlit script. It is never a file beside `pages/`: Streamlit would then serve page
files to visitors before any sign-in has run.
"""

from yipyap_core.ui import frame

frame.draw()
