# Wrong answers that students give. Each cell: question | the mistake | what the feedback must say.
# The tests run every one: it must cost its question's points and get its hint.

# %% q1 | the cost for its slope | There is no slope in it
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    cost = (mean + std * noise) ** 4
    return cost, cost * 0.5 * std * noise


# %% q1 | the half is missing in the sample | to get a standard deviation?
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(log_var)
    slope = 4 * (mean + std * noise) ** 3
    return slope, slope * 0.5 * std * noise


# %% q1 | with respect to the standard deviation | with respect to the standard deviation
def pathwise_estimates(mean, log_var, noise):
    slope = 4 * (mean + np.exp(0.5 * log_var) * noise) ** 3
    return slope, slope * noise


# %% q1 | with respect to the variance | with respect to the variance
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = 4 * (mean + std * noise) ** 3
    return slope, slope * noise / (2 * std)


# %% q1 | the half is missing in the chain rule | Where did the ½
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = 4 * (mean + std * noise) ** 3
    return slope, slope * std * noise


# %% q1 | the slope at the mean | At which point of the board
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = 4 * mean**3 + 0 * noise
    return slope, slope * 0.5 * std * noise


# %% q1 | the noise forgotten | The second lacks the noise
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = 4 * (mean + std * noise) ** 3
    return slope, slope * 0.5 * std


# %% q1 | averaged | One estimate for each draw
def pathwise_estimates(mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = 4 * (mean + std * noise) ** 3
    return slope.mean(), (slope * 0.5 * std * noise).mean()


# %% q2 | the density for its logarithm | differentiated the density, not its logarithm
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    density = np.exp(-0.5 * (z - mean) ** 2 / var) / np.sqrt(2 * np.pi * var)
    return f(z) * density * (z - mean) / var, f(z) * density * 0.5 * ((z - mean) ** 2 / var - 1)


# %% q2 | the log density for its slope | Which derivative of it is the score?
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    log_density = -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 / var)
    return f(z) * log_density, f(z) * log_density


# %% q2 | the cost forgotten | That is the score alone
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    return (z - mean) / var, 0.5 * ((z - mean) ** 2 / var - 1)


# %% q2 | divided by the standard deviation | which power of the standard deviation
def score_estimates(f, mean, log_var, z):
    std = np.exp(0.5 * log_var)
    return f(z) * (z - mean) / std, f(z) * 0.5 * ((z - mean) ** 2 / std**2 - 1)


# %% q2 | with respect to z | did you differentiate with respect to z?
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    return f(z) * (mean - z) / var, f(z) * 0.5 * ((z - mean) ** 2 / var - 1)


# %% q2 | the normalizing constant forgotten | the normalizing constant depends on the width
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    return f(z) * (z - mean) / var, f(z) * 0.5 * (z - mean) ** 2 / var


# %% q2 | the half is missing | twice what it should be
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    return f(z) * (z - mean) / var, f(z) * ((z - mean) ** 2 / var - 1)


# %% q2 | with respect to the variance | with respect to the variance or the standard deviation
def score_estimates(f, mean, log_var, z):
    var = np.exp(log_var)
    return f(z) * (z - mean) / var, f(z) * 0.5 * ((z - mean) ** 2 / var**2 - 1 / var)


# %% q3 | the average cost | That is the average cost
def best_baselines(mean, std):
    return mean**2 + std**2, mean**2 + std**2


# %% q3 | not divided by the squared score | What is it divided by?
def best_baselines(mean, std):
    return mean**2 / std**2 + 3, (mean**2 + 5 * std**2) / 2


# %% q3 | one baseline for both | this score weighs the throws differently
def best_baselines(mean, std):
    return mean**2 + 3 * std**2, mean**2 + 3 * std**2


# %% q3 | the mean lost | square z = mean + std * noise
def best_baselines(mean, std):
    return 3 * std**2, 5 * std**2


# %% q3 | a standard deviation for the variance | a standard deviation where a variance belongs
def best_baselines(mean, std):
    return mean**2 + 3 * std, mean**2 + 5 * std


# %% q3 | the sixth moment alone | Expand (noise² - 1)²
def best_baselines(mean, std):
    return mean**2 + 3 * std**2, mean**2 + 15 * std**2


# %% q3 | exchanged | the mean comes first
def best_baselines(mean, std):
    return mean**2 + 5 * std**2, mean**2 + 3 * std**2


# %% q4 | the baseline depends on the draw that it judges | takes part in the average that judges it
def gradient_with_baseline(cost, score):
    return np.mean((cost - cost.mean(axis=1, keepdims=True)) * score, axis=1)


# %% q4 | no baseline | There is no baseline in it
def gradient_with_baseline(cost, score):
    return np.mean(cost * score, axis=1)


# %% q4 | the other axis | What does the usual cost of one example say about another?
def gradient_with_baseline(cost, score):
    return np.mean((cost - cost.mean(axis=0)) * score, axis=1)


# %% q4 | one baseline for the batch | Each example has its own usual cost
def gradient_with_baseline(cost, score):
    return np.mean((cost - cost.mean()) * score, axis=1)


# %% q4 | the others divided by all | How many others are there?
def gradient_with_baseline(cost, score):
    others = (cost.sum(axis=1, keepdims=True) - cost) / cost.shape[1]
    return np.mean((cost - others) * score, axis=1)


# %% q4 | added | where it should be subtracted
def gradient_with_baseline(cost, score):
    others = (cost.sum(axis=1, keepdims=True) - cost) / (cost.shape[1] - 1)
    return np.mean((cost + others) * score, axis=1)


# %% q4 | summed over the draws | where an average is asked for
def gradient_with_baseline(cost, score):
    others = (cost.sum(axis=1, keepdims=True) - cost) / (cost.shape[1] - 1)
    return np.sum((cost - others) * score, axis=1)


# %% q4 | averaged over the batch | Which axis holds the draws?
def gradient_with_baseline(cost, score):
    others = (cost.sum(axis=1, keepdims=True) - cost) / (cost.shape[1] - 1)
    return np.mean((cost - others) * score, axis=0)


# %% q5 | the half is missing | a standard deviation, or its square?
def draw(mean, log_var, seed_generator):
    return mean + ops.exp(log_var) * keras.random.normal(ops.shape(mean), seed=seed_generator)


# %% q5 | drawn by NumPy | No path leads from your draws
def draw(mean, log_var, seed_generator):
    return np.random.normal(mean.numpy(), np.exp(0.5 * log_var.numpy()))


# %% q5 | NumPy in the middle | where does the path end?
def draw(mean, log_var, seed_generator):
    std = np.exp(0.5 * log_var.numpy())
    return mean + std * keras.random.normal(ops.shape(mean), seed=seed_generator)


# %% q5 | the standard deviation stopped | where does the path end?
def draw(mean, log_var, seed_generator):
    std = ops.stop_gradient(ops.exp(0.5 * log_var))
    return mean + std * keras.random.normal(ops.shape(mean), seed=seed_generator)


# %% q5 | the sample stopped | has a gradient been stopped?
def draw(mean, log_var, seed_generator):
    noise = keras.random.normal(ops.shape(mean), seed=seed_generator)
    return ops.stop_gradient(mean + ops.exp(0.5 * log_var) * noise)


# %% q5 | the mean stopped | with respect to the mean is lost
def draw(mean, log_var, seed_generator):
    noise = keras.random.normal(ops.shape(mean), seed=seed_generator)
    return ops.stop_gradient(mean) + ops.exp(0.5 * log_var) * noise


# %% q5 | an integer seed | would learn the noise by heart
def draw(mean, log_var, seed_generator):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=0)


# %% q5 | the generator not used | Where does your noise come from
def draw(mean, log_var, seed_generator):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean))


# %% q5 | one noise for the whole batch | Which shape must the noise have?
def draw(mean, log_var, seed_generator):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean)[1:], seed=seed_generator)


# %% q5 | the log variance as standard deviation | Is log_var itself a standard deviation?
def draw(mean, log_var, seed_generator):
    return mean + log_var * keras.random.normal(ops.shape(mean), seed=seed_generator)


# %% q5 | uniform noise | not standard normal
def draw(mean, log_var, seed_generator):
    return mean + ops.exp(0.5 * log_var) * keras.random.uniform(ops.shape(mean), seed=seed_generator)


# %% q5 | noise without tails | Look at the noise
def draw(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.truncated_normal(ops.shape(mean), seed=seed)


# %% q6 | the gradient of the loss | the negative ELBO
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = np.exp(mean + std * noise) - x
    return slope + mean, slope * 0.5 * std * noise + 0.5 * (std**2 - 1)


# %% q6 | no KL | The KL is missing
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean + std * noise)
    return slope, slope * 0.5 * std * noise


# %% q6 | the KL added | With which sign does it stand in the ELBO?
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean + std * noise)
    return slope + mean, slope * 0.5 * std * noise + 0.5 * (std**2 - 1)


# %% q6 | the rate differentiated away | The derivative of exp(z) is lost
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    return x - mean + 0 * noise, x * 0.5 * std * noise - 0.5 * (std**2 - 1)


# %% q6 | the slope at the mean | Where was z drawn?
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean) + 0 * noise
    return slope - mean, slope * 0.5 * std * noise - 0.5 * (std**2 - 1)


# %% q6 | the variance used as standard deviation | to get a standard deviation?
def elbo_gradient(x, mean, log_var, noise):
    var = np.exp(log_var)
    slope = x - np.exp(mean + var * noise)
    return slope - mean, slope * 0.5 * var * noise - 0.5 * (var - 1)


# %% q6 | the half of the KL is missing | half included
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean + std * noise)
    return slope - mean, slope * 0.5 * std * noise - (std**2 - 1)


# %% q6 | the noise forgotten in the chain rule | three factors
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean + std * noise)
    return slope - mean, slope * 0.5 * std - 0.5 * (std**2 - 1)


# %% q6 | with respect to the standard deviation | three factors
def elbo_gradient(x, mean, log_var, noise):
    std = np.exp(0.5 * log_var)
    slope = x - np.exp(mean + std * noise)
    return slope - mean, slope * noise - 0.5 * (std**2 - 1)


# %% q7 | the curves exchanged | Which curve does that?
pathwise_curve, equal_at, draws_needed, flat_because = "A", 16, 8, "c"

# %% q7 | the height for the place | Read the number of dimensions below that point
pathwise_curve, equal_at, draws_needed, flat_because = "B", 8, 8, "c"

# %% q7 | the ratio of standard deviations | no root is needed
pathwise_curve, equal_at, draws_needed, flat_because = "B", 16, 2.83, "c"

# %% q7 | the variance read off | That is the variance itself
pathwise_curve, equal_at, draws_needed, flat_because = "B", 16, 64, "c"

# %% q7 | bounded, so quiet | one of the curves rises all the same
pathwise_curve, equal_at, draws_needed, flat_because = "B", 16, 8, "a"

# %% q7 | bias for variance | Both estimators are unbiased
pathwise_curve, equal_at, draws_needed, flat_because = "B", 16, 8, "b"

# %% q7 | averaged over the dimensions | Which of them enter the estimate?
pathwise_curve, equal_at, draws_needed, flat_because = "B", 16, 8, "d"
