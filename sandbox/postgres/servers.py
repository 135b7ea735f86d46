"""All servers of one in-memory AWS: the server of each instance, and its endpoint's address."""

import atexit
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from sandbox.clock import get_sandbox_clock, is_in_future
from sandbox.postgres.certificates import CertificateAuthority
from sandbox.postgres.endpoint import (
    EndpointClosedError,
    EndpointProxy,
    ServingStateGetter,
    SocketPathGetter,
)
from sandbox.postgres.instance import InstanceServer
from sandbox.postgres.origins import DataOrigin, EmptyOrigin, ReplicaOrigin
from sandbox.postgres.server import create_data_folder, give_to_server_user

ENDPOINT_ADDRESS: Final = "127.0.0.1"
# The origin of an instance that is being created; per call, as calls run in several threads.
_current_origin: ContextVar[DataOrigin | None] = ContextVar("origin", default=None)
# Simulated seconds without service at the end of a change of class, Multi-AZ: the failover.
# RDS User Guide, Multi-AZ DB instance deployments: 60-120 s.
FAILOVER_SECONDS: Final = 90
# Simulated seconds, after a rename has ended, for which clients still find the instance at its old
# name, whoever has the name by then: the name "could remain cached for a few minutes" (RDS User
# Guide, Renaming a DB instance). That they begin at the end is an assumption: the worst case.
NAME_CACHED_SECONDS: Final = 180
ADDRESS_ATTEMPTS: Final = 5  # addresses that may be in use


class PostgresServers:
    """Servers, endpoints and backups; everything is below one temporary folder."""

    def __init__(self) -> None:
        self.folder = create_data_folder("bulwark-databases-")
        self._instance_servers: dict[str, InstanceServer] = {}
        self._proxies: dict[tuple[str, str], EndpointProxy] = {}
        self._addresses: dict[tuple[str, str], tuple[str, int]] = {}
        self.authority = CertificateAuthority(self.folder)
        # The instance that clients have in their caches for a name, and until when.
        self._cached_names: dict[tuple[str, str], tuple[InstanceServer, datetime]] = {}
        self._address_block = f"127.{random.randint(16, 239)}"

    def add_instance(self, instance: Any, password: str | None) -> None:
        """Adds a new instance's server; the master password is used if its data are new."""
        instance_folder = self.folder / instance.dbi_resource_id
        instance_folder.mkdir()
        give_to_server_user(instance_folder)
        instance_server = InstanceServer(
            instance, instance_folder, _current_origin.get() or EmptyOrigin(password)
        )
        self._instance_servers[instance.dbi_resource_id] = instance_server
        self._open_endpoint(instance)

    def find_instance_server(self, instance: Any) -> InstanceServer | None:
        """The server of an instance; None for another engine, or one created before."""
        return self._instance_servers.get(instance.dbi_resource_id)

    def find_address(self, instance: Any) -> tuple[str, int] | None:
        """The address of an instance's endpoint; None if it has none."""
        return self._addresses.get((instance.region, instance.db_instance_identifier))

    def move_endpoint(self, old_identifier: str, instance: Any) -> None:
        """Opens the endpoint again after the instance's name or port has changed.

        The old name goes on leading to a renamed instance while it is cached.
        """
        key = (instance.region, old_identifier)
        phase_ends = [end_time for _, end_time in getattr(instance, "sandbox_phases", ())]
        cached_until = max([get_sandbox_clock().get_completion_time(0), *phase_ends]) + timedelta(
            seconds=NAME_CACHED_SECONDS
        )
        instance_server = self.find_instance_server(instance)
        is_renamed = old_identifier != instance.db_instance_identifier
        if is_renamed and instance_server is not None and is_in_future(cached_until):
            self._cached_names[key] = (instance_server, cached_until)
            if proxy := self._proxies.get(key):
                proxy.drop_connections()  # a rename reboots
        else:
            self._close_endpoint(*key)
        self._open_endpoint(instance)

    def interrupt_for_change(self, instance: Any, *, is_restart: bool) -> None:
        """Schedules the outage of a change of class, or of version with `is_restart`."""
        instance_server = self.find_instance_server(instance)
        phase_ends = [
            end_time
            for status, end_time in getattr(instance, "sandbox_phases", ())
            if status == "modifying"
        ]
        if instance_server is None:
            return
        now = get_sandbox_clock().now()
        end_time = phase_ends[-1] if phase_ends else now
        is_failover = instance.multi_az and not is_restart
        start_time = (
            max(now, end_time - timedelta(seconds=FAILOVER_SECONDS))
            if is_failover and end_time > now
            else now
        )
        instance_server.schedule_outage(start_time, end_time)

    def reboot_instance(self, instance: Any, *, failover: bool = False) -> None:
        """Drops its connections and applies static parameters."""
        if instance_server := self.find_instance_server(instance):
            instance_server.reboot("immediate" if failover else "fast")
            if proxy := self._proxies.get((instance.region, instance.db_instance_identifier)):
                proxy.drop_stale_connections()

    def delete_instance(self, instance: Any) -> None:
        """Deletes an instance's server and endpoint; its replicas are promoted."""
        deleted_server = self.find_instance_server(instance)
        if deleted_server is None:
            return
        for other_server in self._instance_servers.values():
            if (
                isinstance(other_server.origin, ReplicaOrigin)
                and other_server.origin.primary is deleted_server
            ):
                other_server.promote()
        self._close_endpoint(instance.region, instance.db_instance_identifier)
        self._cached_names = {
            key: cached
            for key, cached in self._cached_names.items()
            if cached[0] is not deleted_server
        }
        deleted_server.delete_server(archive_wal=True)

    def apply_group_parameters(self, backend: Any, group_name: str, names: set[str]) -> None:
        """Applies dynamic parameters that were set in a group."""
        for instance in backend.databases.values():
            instance_server = self.find_instance_server(instance)
            if instance_server and instance.db_parameter_group_name == group_name:
                instance_server.apply_group_parameters(names)

    @contextmanager
    def use_origin(self, origin: DataOrigin) -> Iterator[None]:
        """Instances created in the block have their data from this origin."""
        token = _current_origin.set(origin)
        try:
            yield
        finally:
            _current_origin.reset(token)

    def build_replay_origin(self, resource_id: str, restore_time: datetime) -> DataOrigin:
        """The data of an instance, by resource id, at a time of the sandbox's clock."""
        instance_server = self._instance_servers.get(resource_id)
        return (
            instance_server.build_replay_origin(restore_time) if instance_server else EmptyOrigin()
        )

    def close(self) -> None:
        """Stops every server and removes everything."""
        for proxy in self._proxies.values():
            proxy.close()
        for instance_server in self._instance_servers.values():
            instance_server.delete_server()
        self._proxies, self._instance_servers = {}, {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open_endpoint(self, instance: Any) -> None:
        key = (instance.region, instance.db_instance_identifier)
        if key in self._proxies:
            return

        def find_server() -> InstanceServer | None:
            cached_server, cached_until = self._cached_names.get(key, (None, None))
            if cached_until is not None and is_in_future(cached_until):
                return cached_server
            current_instance = rds_backends[instance.account_id][key[0]].databases.get(key[1])
            return self.find_instance_server(current_instance) if current_instance else None

        def get_socket_path() -> str:
            instance_server = find_server()
            if instance_server is None:
                raise EndpointClosedError(f"there is no {key[1]}")
            if not _lets_anybody_in(instance_server.instance):
                raise EndpointClosedError(f"no security group of {key[1]} has a rule")
            return instance_server.get_socket_path()

        def get_state() -> object:
            instance_server = find_server()
            server_state = instance_server.get_state() if instance_server else None
            return None if server_state is None else (id(instance_server), server_state)

        proxy = self._create_proxy(
            self._addresses.get(key), int(instance.port), get_socket_path, get_state
        )
        self._proxies[key], self._addresses[key] = proxy, proxy.address

    def _create_proxy(
        self,
        previous_address: tuple[str, int] | None,
        port: int,
        get_socket_path: SocketPathGetter,
        get_state: ServingStateGetter,
    ) -> EndpointProxy:
        """The host belongs to the name for good, the port to the instance."""
        hosts = (
            [previous_address[0]]
            if previous_address
            else [self._choose_host() for _ in range(ADDRESS_ATTEMPTS)]
        )
        fallback_address = previous_address or (
            ENDPOINT_ADDRESS,
            0,
        )  # for a system with only one local address
        for address in (*((host, port) for host in hosts), fallback_address):
            with suppress(OSError):
                return EndpointProxy(
                    address, get_socket_path, get_state, self.authority.build_context
                )
        return EndpointProxy(
            (ENDPOINT_ADDRESS, 0), get_socket_path, get_state, self.authority.build_context
        )

    def _choose_host(self) -> str:
        return f"{self._address_block}.{random.randint(1, 254)}.{len(self._addresses) % 254 + 1}"

    def _close_endpoint(self, region: str, identifier: str) -> None:
        if proxy := self._proxies.pop((region, identifier), None):
            proxy.close()


def _lets_anybody_in(instance: Any) -> bool:
    """False if none of an instance's security groups has a rule for what comes in.

    Asked for new connections only: tracked ones go on (EC2 User Guide, "Amazon EC2 security group
    connection tracking"). Which client comes from where is not looked at.
    """
    ec2 = ec2_backends[instance.account_id][instance.region]
    groups = [ec2.get_security_group_from_id(name) for name in instance.vpc_security_group_ids]
    # A default group lets its own members in, which moto's does not: EC2 User Guide, "Default
    # security groups for your VPCs".
    return not groups or any(
        group is None or group.name == "default" or group.ingress_rules for group in groups
    )


_current_servers: PostgresServers | None = None


def find_postgres_servers() -> PostgresServers | None:
    """The servers of this process; None if they are not switched on."""
    return _current_servers


@contextmanager
def use_real_postgres() -> Iterator[PostgresServers]:
    """Instances created in the block are PostgreSQL servers; all are removed at its end."""
    global _current_servers
    if _current_servers is not None:
        raise RuntimeError("the databases of this process are real already")
    _current_servers = postgres_servers = PostgresServers()
    atexit.register(postgres_servers.close)
    try:
        yield postgres_servers
    finally:
        _current_servers = None
        atexit.unregister(postgres_servers.close)
        postgres_servers.close()


def connect_superuser(instance: Any) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection of the superuser to an instance's own database. Raises LookupError."""
    instance_server = _current_servers.find_instance_server(instance) if _current_servers else None
    if instance_server is None:
        raise LookupError(f"{instance.db_instance_identifier} is no real server")
    return instance_server.ensure_started().connect(instance.db_name or "postgres")
