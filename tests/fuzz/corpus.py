"""Studies that once went wrong, each with what was wrong; `make test` replays them.

`make fuzz` prints what it finds as it stands here.
"""

CASES: dict[str, str] = {
    "networks of NaN were half right and deployable": """
        activations = ["torch:exp", "relu", "hardgelu"]
        lr = 10.0
        learned = 0.0
        allowed_drop = 0.5
    """,
    "the same in the cliff, in every placement and in the cause": """
        activations = ["hardgelu", "torch:exp"]
        lr = 10.0
        learned = 0.0
        allowed_drop = 0.5
        quick = false
        bits = [3]
    """,
    "NaN far out made a network half right": """
        activations = ["zoo:lost_far", "relu"]
        lr = 10.0
        steps = 60
        learned = 0.0
        allowed_drop = 1.0
    """,
    "half of the networks were missing and the others deployable": """
        activations = ["zoo:hole", "relu"]
        lr = 10.0
        seeds = 6
        learned = 0.0
        allowed_drop = 1.0
        quick = false
    """,
    "a third, of another function": """
        activations = ["torch:sinh"]
        lr = 1.0
        seeds = 6
        learned = 0.0
        allowed_drop = 1.0
        quick = false
    """,
    "what the backends decide differently was deployable": """
        activations = ["zoo:sly", "relu"]
        learned = 0.0
        allowed_drop = 1.0
        seeds = 6
    """,
    "what has learned nothing was deployable": """
        activations = ["relu", "hardgelu", "leaky_relu"]
        frequency = 64.0
        seeds = 6
        quick = false
        bits = [4]
    """,
    "so was what adds 1000": """
        activations = ["zoo:above", "relu"]
        seeds = 6
    """,
    "a huge finite output had no histogram": """
        activations = ["torch:sinh", "relu"]
        lr = 1.0
        steps = 60
        hidden = [8, 8]
        fuzz.figures = ["ranges", "maps", "folds"]
    """,
    "nor had prelu's": """
        activations = ["prelu"]
        lr = 10.0
        steps = 60
        hidden = [8, 8, 8, 8, 8, 8, 8, 8]
        fuzz.figures = ["ranges"]
    """,
    "nor had values that are too many bars apart": """
        activations = ["zoo:cube", "relu"]
        lr = 3.0
        steps = 60
        hidden = [4, 4, 4]
        fuzz.figures = ["ranges"]
    """,
    "one that changes its input took the negative half from the others": """
        activations = ["hardtanh", "zoo:in_place"]
    """,
    "so did one that does so through its data": """
        activations = ["zoo:in_place_through_data"]
    """,
    "through numpy": """
        activations = ["zoo:in_place_through_numpy"]
    """,
    "as an output": """
        activations = ["zoo:in_place_out"]
    """,
    "and after its value was computed": """
        activations = ["zoo:in_place_at_last"]
    """,
    "a gate over neurons was elementwise on one axis": """
        activations = ["zoo:gated_by_neurons"]
    """,
    "shares over neurons were, too": """
        activations = ["zoo:shares"]
    """,
    "other values at every call were those of one function": """
        activations = ["zoo:drifts"]
    """,
    "a layer of one neuron": """
        activations = ["relu", "tanh", "prelu"]
        hidden = [1]
    """,
    "a layer of one neuron among wider ones": """
        activations = ["relu", "tanh", "prelu"]
        hidden = [8, 1, 8]
        input_bits = 4
        placement = "both"
    """,
    "eight layers of one neuron": """
        activations = ["silu", "zoo:short"]
        hidden = [1, 1, 1, 1, 1, 1, 1, 1]
        bits = [2]
    """,
    "16 bits of a small range had a tenth of their codes": """
        activations = ["zoo:faint", "silu_bounded", "relu@1e-6"]
        bits = [16, 15]
        lr = 0.001
    """,
    "weights of 15 bits had a least step that torchao has at 8": """
        activations = ["mish", "hardgelu_uncapped"]
        bits = [15]
        seeds = 5
        steps = 1
        batch = 65536
        grid = 7
        hidden = [1, 1, 1, 5, 1, 5, 1, 5]
        lr = 0.0687068
        frequency = 0.98489
    """,
    "outputs below every step": """
        activations = ["zoo:tiny", "relu"]
        bits = [16, 3]
        observer = "mse"
    """,
    "values that are no normal floats, and 0 in vector code": """
        activations = ["mish@3", "torch:atan@1e9"]
        bits = [16]
        seeds = 2
        steps = 4
        grid = 6
        hidden = [1, 2, 3, 5, 1, 4]
        batch = 65536
        lr = 10.0
        frequency = 64.0
        learned = 1.0
        input_bits = 4
        weight_observer = "no_clipping"
        trainer = "reference"
        until_decided = true
        max_seeds = 7
        fuzz.figures = []
    """,
    "a gate that is 0 in float32 a little before it is one": """
        activations = ["silu"]
        bits = [6, 7]
        seeds = 6
        steps = 60
        grid = 31
        hidden = [1, 3, 1]
        batch = 21
        lr = 2.44585
        learned = 0.6
        input_bits = 4
        observer = "mse"
        weight_observer = "no_clipping"
        trainer = "reference"
        fuzz.figures = []
    """,
    "finite values behind infinite ones": """
        activations = ["torch:expm1", "zoo:steep"]
        bits = [5, 2]
        seeds = 6
        steps = 2
        grid = 23
        hidden = [3, 5, 2, 6, 1, 1]
        batch = 1
        lr = 0.03
        frequency = 1.0
        learned = 0.0
        input_bits = 4
        weight_observer = "no_clipping"
        trainer = "reference"
        until_decided = true
        max_seeds = 8
        fuzz.figures = []
    """,
    "huge zero points, whose products torchao takes off in float32": """
        activations = ["zoo:cube@3"]
        bits = [11, 4]
        seeds = 4
        steps = 2
        grid = 13
        hidden = [2, 12]
        batch = 65536
        lr = 10.0
        frequency = 0.389685
        allowed_drop = 0.0
        observer = "percentile"
        fuzz.figures = []
    """,
    "one that fails at large values took the others' results": """
        activations = ["relu", "zoo:fragile"]
        lr = 10.0
        steps = 60
    """,
    "so did one that raises what a full disk does": """
        activations = ["relu", "zoo:no_disk"]
        lr = 10.0
        steps = 60
    """,
    "and one that leaves": """
        activations = ["relu", "zoo:leaves"]
        lr = 10.0
        steps = 60
    """,
    "one that returns another type at large values": """
        activations = ["relu", "zoo:turns"]
        lr = 10.0
        steps = 60
    """,
    "and another shape": """
        activations = ["relu", "zoo:shrinks"]
        lr = 10.0
        steps = 60
    """,
    "one that fails at some later call": """
        activations = ["relu", "zoo:tires"]
    """,
    "seeds were said to be added until decided when nothing was": """
        activations = ["relu", "hardgelu"]
        seeds = 2
        until_decided = true
        max_seeds = 4
        steps = 2
    """,
    "two equal seeds made an interval": """
        activations = ["relu", "tanh"]
        bits = [16]
        seeds = 2
        grid = 4
        learned = 0.0
    """,
    "values that are all one": """
        activations = ["zoo:flat", "hardtanh"]
        observer = "percentile"
        quick = false
        fuzz.figures = ["ranges", "placement", "heatmap_folds"]
    """,
    "a cosine of nothing with what is infinite warned on standard error": """
        activations = ["torch:sinh"]
        bits = [16, 12, 5]
        seeds = 5
        steps = 1
        grid = 13
        hidden = [2, 3, 11, 11]
        batch = 3
        lr = 0.1
        frequency = 0.658271
        observer = "percentile"
        placement = "pre"
    """,
}
