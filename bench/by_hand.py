"""Charging as most apps write it: an ORM, a transaction, a row lock, several round trips."""

import random

from sqlalchemy import BigInteger, String, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PLENTY = 10**12


class Base(DeclarativeBase):
    """The tables of the hand-written way."""


class Wallet(Base):
    """What a user can spend."""

    __tablename__ = "hand_wallets"
    user_id: Mapped[str] = mapped_column(String, primary_key=True)
    monthly: Mapped[int] = mapped_column(BigInteger)
    addon: Mapped[int] = mapped_column(BigInteger)


class Line(Base):
    """What was spent."""

    __tablename__ = "hand_ledger"
    __table_args__ = (UniqueConstraint("user_id", "key"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[str] = mapped_column(String)
    key: Mapped[str] = mapped_column(String)
    from_monthly: Mapped[int] = mapped_column(BigInteger)
    from_addon: Mapped[int] = mapped_column(BigInteger)


class ByHand:
    """Charges users one transaction at a time."""

    def __init__(self, url: str, connections: int) -> None:
        self._engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=connections, max_overflow=0
        )
        self._session = async_sessionmaker(self._engine, expire_on_commit=False)
        self._users: list[str] = []

    async def prepare(self, users: list[str]) -> None:
        """Makes the tables and a wallet for each user."""
        async with self._engine.begin() as conn:
            await conn.run_sync(Base.metadata.create_all)
        async with self._session() as session, session.begin():
            session.add_all([Wallet(user_id=user, monthly=1_000, addon=PLENTY) for user in users])
        self._users = users

    async def charge(self, hot: bool) -> int:
        """One charge, idempotent, never below zero."""
        user = self._users[0] if hot else random.choice(self._users)
        async with self._session() as session, session.begin():
            await self._charge(session, user, 4, f"{random.getrandbits(96):x}")
        return 1

    async def _charge(self, session: AsyncSession, user: str, amount: int, key: str) -> None:
        wallet = await session.scalar(select(Wallet).where(Wallet.user_id == user).with_for_update())
        if await session.scalar(select(Line.id).where(Line.user_id == user, Line.key == key)):
            return
        if wallet is None or wallet.monthly + wallet.addon < amount:
            raise ValueError("not enough credits")
        from_monthly = min(wallet.monthly, amount)
        wallet.monthly -= from_monthly
        wallet.addon -= amount - from_monthly
        session.add(Line(user_id=user, key=key, from_monthly=from_monthly, from_addon=amount - from_monthly))

    async def close(self) -> None:
        """Ends the connections."""
        await self._engine.dispose()
