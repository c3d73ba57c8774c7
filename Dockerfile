# One image for web, worker and scheduler; docker-compose.yml says which command each runs.
FROM python:3.11-slim
RUN useradd --create-home app && mkdir -p /app/var && chown -R app /app
WORKDIR /app
COPY pyproject.toml ./
# GPU workers build with TORCH="torch==2.13.0" from an index that carries CUDA builds (the default one does).
ARG TORCH="torch==2.13.0"
ARG PIP_ARGS=""
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
 && pip install --no-cache-dir ${PIP_ARGS} "${TORCH}" \
 && pip install --no-cache-dir --group app
COPY --chown=app . .
USER app
ENV SECOND_LOOK_VAR=/app/var
EXPOSE 8000
CMD ["gunicorn", "studyapp.wsgi", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000"]
