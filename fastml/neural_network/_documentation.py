"""What the docstrings of the perceptrons share, written once."""

from __future__ import annotations

from ..core.documentation import Entries

#: The type of each parameter, and what it means.
PARAMETERS = {
    "hidden_layer_sizes": (
        "array-like of int",
        "Units of each hidden layer; empty for a linear model.",
    ),
    "activation": (
        "{'identity', 'logistic', 'tanh', 'relu'} or list of them",
        "Of the hidden layers; a list names one for each.",
    ),
    "solver": (
        "{'lbfgs', 'sgd', 'adam'}",
        (
            "'sgd' and 'adam' take a step a batch; 'lbfgs' (SciPy's) one with all samples, for "
            "small data."
        ),
    ),
    "alpha": (
        "float",
        "L2 penalty; divided by the batch size (its weight) when added to the loss.",
    ),
    "batch_size": (
        "'auto' or int",
        "Samples a step; 'auto' is min(200, n_samples).  Not used by 'lbfgs'.",
    ),
    "learning_rate": (
        "{'constant', 'invscaling', 'adaptive'}",
        (
            "For 'sgd'.  'invscaling' divides ``learning_rate_init`` by t ** ``power_t`` for t "
            "samples seen; 'adaptive' divides the rate by 5 whenever training stands still, down "
            "to 1e-6."
        ),
    ),
    "learning_rate_init": (
        "float",
        "For 'sgd' and 'adam': the length of a step, per unit of gradient.",
    ),
    "power_t": ("float", "The exponent of 'invscaling'."),
    "max_iter": ("int", "Epochs at most; iterations of 'lbfgs'."),
    "shuffle": (
        "bool or 'blocks'",
        (
            "Whether rows are visited in a new order in each epoch; X is never copied for it.  "
            "'blocks' draws one of every ten blocks of rows that follow each other, and shuffles "
            "the rows of these together: nearly as good, and lets the rows come from a file."
        ),
    ),
    "random_state": (
        "int, RandomState instance or None",
        "Draws the first weights, the validation samples and the orders.",
    ),
    "tol": (
        "float",
        (
            "An epoch improves if it lowers the best loss, or with early stopping raises the best "
            "validation score, by more than this.  For 'lbfgs' the largest entry of the gradient "
            "to stop at."
        ),
    ),
    "verbose": ("bool", "Whether to print the loss of every epoch."),
    "warm_start": ("bool", "Whether ``fit`` goes on from the weights of the last call."),
    "momentum": (
        "float in [0, 1]",
        "For 'sgd': the part of the last step that the next one repeats.",
    ),
    "nesterovs_momentum": (
        "bool",
        "For 'sgd': whether the gradient counts as of where momentum leads.",
    ),
    "early_stopping": (
        "bool",
        (
            "Whether the validation score decides when to stop and which epoch's weights to keep. "
            "Not used by 'lbfgs'."
        ),
    ),
    "validation_fraction": (
        "float in [0, 1)",
        (
            "Part of the training data set aside for early stopping, unless ``fit`` is given "
            "validation data."
        ),
    ),
    "beta_1": ("float in [0, 1)", "For 'adam': the decay of the mean gradient, a step."),
    "beta_2": ("float in [0, 1)", "For 'adam': the decay of the mean squared gradient, a step."),
    "epsilon": (
        "float",
        "For 'adam': added to the root of the mean squared gradient, lest it be zero.",
    ),
    "n_iter_no_change": (
        "int or inf",
        "Stop after more than this many epochs without improvement.",
    ),
    "max_fun": ("int", "Evaluations of the loss by 'lbfgs' at most."),
    "class_weight": (
        "dict, 'balanced' or None",
        (
            "Weights of the classes, multiplied into those of the samples; 'balanced' weighs each "
            "class by the inverse of its share."
        ),
    ),
    "loss": (
        "{'squared_error', 'poisson'}",
        (
            "Half the squared error; or half the Poisson deviance, for targets that are not "
            "negative."
        ),
    ),
    "weight_init": (
        "{'glorot', 'he', 'auto'}",
        (
            "'glorot' draws the weights and biases scikit-learn draws.  'he' fits ReLU: a "
            "variance of 2 / n_in.  'auto' suits each layer's activation: 'he' for ReLU, Glorot's "
            "for others, four times as wide for sigmoids, whose slope is at most 1/4.  Both start "
            "from zero biases."
        ),
    ),
    "max_time": (
        "float or None",
        "Seconds after which to stop, at the end of an epoch; None is no limit.",
    ),
    "record_gradients": ("bool", "Whether to record ``gradient_norms_``."),
}
ATTRIBUTES = {
    "best_validation_score_": (
        "float or None",
        "The best of ``validation_scores_``, with early stopping.",
    ),
    "gradient_norms_": (
        "ndarray (n_epochs, n_layers - 1)",
        (
            "Norm of the loss's gradient by each layer's weights over each epoch's last batch. "
            "Only with ``record_gradients``."
        ),
    ),
    "coefs_": (
        "list of ndarray (n_in, n_out)",
        "Weights of every layer.  What is written into one is seen by the next call.",
    ),
    "intercepts_": ("list of ndarray (n_out,)", "Biases of every layer, likewise."),
    "loss_": ("float", "The loss of the last epoch; of the start where 'lbfgs' takes no step."),
    "best_loss_": ("float or None", "The lowest loss; None with early stopping."),
    "n_iter_": ("int", "Epochs of the last call."),
    "n_layers_": ("int", "Layers, the input counted."),
    "n_outputs_": ("int", "Units of the output layer."),
    "out_activation_": (
        "{'identity', 'logistic', 'softmax', 'exp'}",
        "Activation of the output layer.",
    ),
    "t_": ("int", "Samples seen in training."),
    "n_features_in_": ("int", "Features of X."),
    "feature_names_in_": (
        "ndarray (n_features_in_,)",
        "Only when X has feature names that are all strings.",
    ),
}
REFERENCES = """\
Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986.  Glorot and Bengio, "Understanding the difficulty of training deep
feedforward neural networks", AISTATS 2010; He, Zhang, Ren and Sun, "Delving deep into
rectifiers", ICCV 2015 (initialisation).
"""
#: What ``fit`` of both says.
FIT: dict[str, Entries | str] = {
    "X": {
        "X": (
            "array-like or sparse matrix (n_samples, n_features)",
            "float32 is trained in float32; other types become float64.",
        )
    },
    "weights": {
        "sample_weight": (
            "array-like (n_samples,), default=None",
            "Not negative; the gradient of a batch is divided by the sum of its weights.",
        ),
        "validation_data": (
            "tuple (X, y), default=None",
            "Scored after every epoch; with ``early_stopping`` it decides when to stop.",
        ),
    },
    "raises": """\
Raises
------
TypeError, ValueError
    On bad input, in scikit-learn's words; the estimator is then as it was.  If the loss
    is not finite in the first epoch.

Warns
-----
ConvergenceWarning
    If the loss stops being finite later, naming the epoch and the likely cause; the
    parameters are those of the last finite epoch.
""",
}
#: What ``partial_fit`` of both says.
PARTIAL_FIT: dict[str, Entries | str] = {
    "samples": """\
X, y
    As for ``fit``.
sample_weight : array-like (n_samples,), default=None
    As for ``fit``; None is 1 for every sample.
""",
    "raises": """\
Raises
------
AttributeError
    For the solver 'lbfgs', which has no epochs.
TypeError, ValueError
    As ``fit``.
""",
}
#: What every prediction says of the rows.
PREDICT: dict[str, Entries | str] = {
    "X": {
        "X": (
            "array-like or sparse matrix (n_samples, n_features)",
            (
                "Finite real numbers, as many features as in ``fit``; converted to the element "
                "type of the network."
            ),
        )
    }
}
