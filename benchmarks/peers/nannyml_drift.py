"""NannyML's univariate drift, a calculator a city: Kolmogorov–Smirnov, Wasserstein, Jensen–Shannon."""

from __future__ import annotations

from benchmarks.peers.inputs import COLUMNS, TIME, City, run


def main() -> None:
    """Judge the cities."""
    from nannyml import UnivariateDriftCalculator

    def judge(city: City) -> object:
        calculator = UnivariateDriftCalculator(
            column_names=COLUMNS,
            timestamp_column_name=TIME,
            continuous_methods=["kolmogorov_smirnov", "wasserstein", "jensen_shannon"],
            chunk_size=len(city.current),
        )
        calculator.fit(city.reference)
        return calculator.calculate(city.current).filter(period="analysis").to_df()

    run("nannyml", judge)


if __name__ == "__main__":
    main()
