"""Home: what the app does, the demo study, your studies, what the model may be used for, and a quick look."""

import streamlit as st

from nscweb.ui import home_view, jobs
from nscweb.ui.frame import open_page
from nscweb.ui.models import model_view

with open_page("home") as app:
    st.title("Fates of neural stem cells, from brightfield images", anchor=False)
    home_view.three_sentences()
    with st.container(horizontal=True, vertical_alignment="center"):
        home_view.demo_button(app)
        home_view.bring_in_button()
    home_view.follow_demo(app)

    st.header("Your studies", anchor=False)
    jobs.going_on(app)
    home_view.studies_list(app)

    st.header("Quick look", anchor=False)
    home_view.quick_look(app)

    st.header("What the installed model may be used for", anchor=False)
    home_view.model_use(model_view.all_models(app)[0])
