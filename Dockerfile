# Sightline in a container: non-root, read-only, port 53.
#
#   docker build -t sightline .
#   docker run -p 53:53/udp -p 53:53/tcp -v ./zones:/zones:ro sightline

FROM python:3.13-slim-trixie AS build
# strip: wheels carry debugging symbols, two thirds of what they weigh. A compiler, for the pump;
# Python's headers where Python is the distribution's.
RUN apt-get update -qq \
 && headers=$(python -c 'import os, sysconfig; print("" if os.path.exists(sysconfig.get_path("include") + "/Python.h") else "python3-dev")') \
 && apt-get install -qq -y --no-install-recommends binutils gcc libc6-dev $headers >/dev/null
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The dependencies are a layer of their own: a change of the code does not fetch them again.
RUN python -m venv --without-pip /opt/sightline
COPY pyproject.toml ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > /tmp/requirements.txt \
 && pip --python /opt/sightline/bin/python install --no-compile -r /tmp/requirements.txt

COPY LICENSE ./
COPY healthcheck healthcheck
COPY resolver resolver
# What no server needs: tests, the sources of compiled modules, symbols.
RUN pip --python /opt/sightline/bin/python install --no-compile --no-deps . \
 && find /opt/sightline/lib -regextype egrep \
      \( -regex '.*/tests' -o -regex '.*\.(pyx|pxd|pxi|pyi|c|h)' \) -prune -exec rm -rf {} + \
 && find /opt/sightline/lib -name '*.so' -exec strip --strip-unneeded {} + \
 && /opt/sightline/bin/python -I -c 'import resolver.listen._pump'


FROM python:3.13-slim-trixie
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sightline" \
      org.opencontainers.image.description="A split-horizon internal DNS server with health-aware records" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /opt/sightline /opt/sightline

# What deploy/entrypoint.sh may need for port 53: setcap cap_net_bind_service=p, but without
# installing setcap. The words are those of struct vfs_cap_data, revision 2: bit 10 permitted.
RUN cp /usr/bin/setpriv /opt/sightline/bin/setpriv-port53 \
 && python -c 'import os, struct; os.setxattr("/opt/sightline/bin/setpriv-port53", "security.capability", struct.pack("<5I", 0x02000000, 1 << 10, 0, 0, 0))'

COPY deploy/entrypoint.sh /opt/sightline/bin/sightline-container
COPY zones /zones

# The base image carries no bytecode. On a read-only root it could never be written, and every
# start (each HEALTHCHECK is one) would compile the standard library again. What is imported is
# compiled, and nothing else: all of the library would be 10 MB more.
RUN /opt/sightline/bin/python -c 'import importlib, pkgutil, healthcheck, resolver; [importlib.import_module(m.name) for p in (healthcheck, resolver) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".") if not m.name.endswith("__main__")]' \
 && /opt/sightline/bin/sightline check --zones /zones \
 && { /opt/sightline/bin/sightline query localhost SOA @127.0.0.1:9 --timeout 0.2 || true; }

ENV PATH=/opt/sightline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIGHTLINE_ZONES=/zones \
    SIGHTLINE_LISTEN=0.0.0.0:53,[::]:53 \
    SIGHTLINE_ADMIN__LISTEN=0.0.0.0:9153

USER 10053:10053
EXPOSE 53/udp 53/tcp 9153/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["sightline", "query", "127.in-addr.arpa", "SOA", "@127.0.0.1:53"]
ENTRYPOINT ["sightline-container"]
CMD ["serve"]
