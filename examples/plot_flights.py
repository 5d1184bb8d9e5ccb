"""
Late flights, and how far a forest sees through them
====================================================

The timetable is **generated**: no real flights are in it. That is its use, for the chance of being
late is then known for every flight, and a forest can be held against the truth instead of against
coin tosses. Delays grow through the day, most on Fridays and Sundays; a short stop at the gate
costs, more so in rain; two airlines are worse than the others in the evening.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

import fastml

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NAMES = ["hour", "weekday", "airline", "minutes at the gate", "rain, mm/h", "distance, km"]
rng = np.random.default_rng(0)


def timetable(n_flights):
    """Draw flights: a row each, a column a name."""
    hour = np.clip(rng.normal(14, 4.5, n_flights), 5, 23)
    rain = np.where(rng.random(n_flights) < 0.2, rng.exponential(2, n_flights), 0)
    columns = [
        hour,
        rng.integers(0, 7, n_flights),
        rng.integers(0, 9, n_flights),
        rng.gamma(9, 7, n_flights),
        rain,
        rng.lognormal(6.7, 0.6, n_flights),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def chance_of_being_late(flights):
    """Return the true chance of each flight to be 15 minutes late or more."""
    hour, day, airline, gate, rain, _ = flights.T
    busy = np.isin(day, [4, 6]) & (hour > 15)
    score = -2.6 + 0.13 * (hour - 5) + 1.1 * busy
    score += (gate < 45) * (0.8 + 0.4 * np.minimum(rain, 4))
    score += np.isin(airline, [2, 7]) * 0.15 * np.maximum(hour - 14, 0)
    return 1 / (1 + np.exp(-score))


X, X_test = timetable(60_000), timetable(20_000)
y = rng.random(len(X)) < chance_of_being_late(X)
truth = chance_of_being_late(X_test)
y_test = rng.random(len(X_test)) < truth

forest = fastml.RandomForestClassifier(100, min_samples_leaf=40, random_state=0).fit(X, y)
chance = forest.predict_proba(X_test)[:, 1]
print(f"computed by {forest.computed_by_}")
print(f"late in the test timetable: {y_test.mean():.1%}")
print(f"area under the curve: {roc_auc_score(y_test, chance):.3f}")
print(f"  of the true chances, which nothing can beat: {roc_auc_score(y_test, truth):.3f}")

# %%
# The mean chance of every hour and weekday: as it was made, and as the forest learnt it from
# flights that were only late or on time. On the right, what the splits were taken by: the distance
# does not matter here at all and still gets more than the airline or the rain, which do. Such
# importances favour columns with many values to split at; ``permutation_importance`` does not.

hours, days = X_test[:, 0].astype(int), X_test[:, 1].astype(int)


def mean_by_hour_and_day(values):
    """Return the mean of each hour (row) and weekday (column)."""
    counts, sums = np.zeros((19, 7)), np.zeros((19, 7))
    np.add.at(counts, (hours - 5, days), 1)
    np.add.at(sums, (hours - 5, days), values)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained", width_ratios=[1, 1, 1.1])
for ax, values, said in (
    (axes[0], truth, "chance of being late, true"),
    (axes[1], chance, "as the forest learnt it"),
):
    picture = ax.imshow(
        100 * mean_by_hour_and_day(values), aspect="auto", cmap="magma", vmin=0, vmax=90,
        extent=(-0.5, 6.5, 23.5, 4.5),
    )  # fmt: skip
    ax.set_xticks(range(7), DAYS)
    ax.set_yticks(range(5, 24, 3))
    ax.set_title(said, loc="left")
    ax.set_ylabel("hour of departure")
axes[1].set_ylabel("")
figure.colorbar(picture, ax=axes[1], label="%")
order = np.argsort(forest.feature_importances_)
axes[2].barh(np.array(NAMES)[order], 100 * forest.feature_importances_[order], color="#4477aa")
axes[2].set_title("importance of each column, %", loc="left")
plt.show()

# %%
# Where the forest says 40 %, are 40 of 100 late? Flights in ten groups by what it says:

edges = np.quantile(chance, np.linspace(0, 1, 11)[1:-1])
group = np.searchsorted(edges, chance)
print("forest says   late in truth   late in the timetable")
for g in range(10):
    mine = group == g
    print(f"{chance[mine].mean():10.1%} {truth[mine].mean():14.1%} {y_test[mine].mean():19.1%}")
