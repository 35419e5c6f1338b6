# docker build -t mnemoscope . && docker run -p 8501:8501 -v mnemoscope:/home/mnemoscope/data mnemoscope
# The log shows the owner's link. Without a GPU: torch's CPU build.
FROM python:3.13-slim

RUN useradd --create-home --uid 1000 mnemoscope \
    && install -d -o mnemoscope /home/mnemoscope/data
WORKDIR /source

COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt --extra-index-url https://download.pytorch.org/whl/cpu
COPY . .
RUN pip install --no-cache-dir --no-deps . && rm -rf build *.egg-info

USER mnemoscope
WORKDIR /home/mnemoscope
ENV MNEMOSCOPE_HOME=/home/mnemoscope/data HF_HOME=/home/mnemoscope/data/huggingface
EXPOSE 8501
HEALTHCHECK --start-period=60s --timeout=10s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://localhost:8501/_stcore/health', timeout=8)"]
CMD ["mnemoscope", "--port", "8501", "--server.address", "0.0.0.0", "--server.headless", "true"]
