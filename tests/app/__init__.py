"""Every page in Streamlit's AppTest, a file a page. No browser is needed here."""
