# Wrong answers that students give. Each cell: question | the mistake | what the feedback must say.
# The tests run every one: it must cost its question's points and get its hint.

# %% q1 | the ELBO itself | your most ordinary example gets the largest score
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * noise[:, None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)
    return log_likelihood - np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q1 | the reconstruction probability | What did it cost the encoder to point
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * noise[:, None]
    return -np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)


# %% q1 | the sign of the KL | The KL has the wrong sign
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * noise[:, None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)
    return -log_likelihood - np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q1 | one number for the batch | cannot say which example is strange
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * noise[:, None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z))
    return np.mean(np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood)


# %% q1 | the wrong axis | kept the draws
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * noise[:, None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z))
    return np.mean(np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood, axis=1)


# %% q1 | a lottery ticket | Two calls gave two scores
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng().normal(size=(len(noise), *mean.shape))
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood


# %% q1 | noise that depends on the place in the batch | Each example must meet each row of the noise
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = (mean + np.exp(0.5 * log_var) * noise[: len(x)])[None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood


# %% q1 | the variance for the standard deviation | What multiplies the noise?
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = mean + np.exp(log_var) * noise[:, None]
    log_likelihood = np.asarray(vae.log_prob_per_example(x, z)).mean(axis=0)
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood


# %% q1 | the mean code only | You scored the mean code only
def elbo_score(vae, x, noise):
    mean, log_var = vae.encode(x)
    log_likelihood = np.asarray(vae.log_prob_per_example(x, mean[None]))[0]
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - log_likelihood


# %% q2 | a plain quantile | the quantile of these scores
def alarm_line(scores, rate):
    return np.quantile(scores, 1 - rate)


# %% q2 | n for n + 1 | Have you counted the fresh example?
def alarm_line(scores, rate):
    return np.sort(scores)[int(np.ceil((1 - rate) * len(scores))) - 1]


# %% q2 | the wrong tail | The wrong tail
def alarm_line(scores, rate):
    return np.quantile(scores, rate)


# %% q2 | sorted the wrong way round | The wrong tail
def alarm_line(scores, rate):
    k = int(np.ceil((1 - rate) * (len(scores) + 1)))
    return np.sort(scores)[::-1][k - 1]


# %% q2 | places counted from zero | from zero or from one
def alarm_line(scores, rate):
    k = int(np.ceil((1 - rate) * (len(scores) + 1)))
    return np.sort(scores)[k]


# %% q2 | the largest score | It promises more than was asked for
def alarm_line(scores, rate):
    return np.max(scores)


# %% q2 | not sorted | what has to be done before the k-th is taken?
def alarm_line(scores, rate):
    k = int(np.ceil((1 - rate) * (len(scores) + 1)))
    return scores[k - 1]


# %% q2 | no line is not foreseen | a fresh score is the largest of 16
def alarm_line(scores, rate):
    k = int(np.ceil((1 - rate) * (len(scores) + 1)))
    return np.sort(scores)[min(k, len(scores)) - 1]


# %% q2 | the library's function | You call the library
def alarm_line(scores, rate):
    return vaelib.conformal_threshold(scores, rate)


# %% q2 | a quantile at the place that counts | A quantile function counts the gaps
def alarm_line(scores, rate):
    n = len(scores)
    level = np.ceil((n + 1) * (1 - rate)) / n
    return np.quantile(scores, level, method="higher") if level <= 1 else np.inf


# %% q3 | from the training images | learned by heart
def alarms(of_training, of_held_out, of_new, rate):
    return of_new > vaelib.conformal_threshold(of_training, rate)


# %% q3 | from the new images | one in ten rings
def alarms(of_training, of_held_out, of_new, rate):
    return of_new > np.quantile(of_new, 1 - rate)


# %% q3 | from all normal scores there are | Is a fresh image like both?
def alarms(of_training, of_held_out, of_new, rate):
    return of_new > vaelib.conformal_threshold(np.concatenate([of_training, of_held_out]), rate)


# %% q3 | the wrong side | keeps silent for the strange
def alarms(of_training, of_held_out, of_new, rate):
    return of_new <= vaelib.conformal_threshold(of_held_out, rate)


# %% q3 | on the line | exactly on the line
def alarms(of_training, of_held_out, of_new, rate):
    return of_new >= vaelib.conformal_threshold(of_held_out, rate)


# %% q3 | the line, not the alarms | That is the line
def alarms(of_training, of_held_out, of_new, rate):
    return vaelib.conformal_threshold(of_held_out, rate)


# %% q3 | a plain quantile | a plain quantile of them
def alarms(of_training, of_held_out, of_new, rate):
    return of_new > np.quantile(of_held_out, 1 - rate)


# %% q4 | the larger AUROC | thresholds that you would never use
detector, real_share, verdict = "A", 0.088, "b"

# %% q4 | the share of anomalies that are found | who else rings?
detector, real_share, verdict = "B", 0.62, "b"

# %% q4 | the prevalence forgotten | as frequent as normal examples
detector, real_share, verdict = "B", 0.62 / (0.62 + 0.05), "b"

# %% q4 | false alarms for real ones | share of false alarms among all alarms
detector, real_share, verdict = "B", 0.89, "b"

# %% q4 | one minus the false-positive rate | Imagine 10,000 examples
detector, real_share, verdict = "B", 0.95, "b"

# %% q4 | impressed by an accuracy | Which accuracy does silence reach?
detector, real_share, verdict = "B", 0.11, "a"

# %% q4 | accuracy taken for precision | Does it say anything of the alarms?
detector, real_share, verdict = "B", 0.11, "c"

# %% q4 | the seller's rate taken for ours | the laziest detector there is
detector, real_share, verdict = "B", 0.11, "d"


# %% q5 | the prior forgotten | You forgot how rare damage is
def responsibility(log_base, log_outlier, pi):
    return expit(log_outlier - log_base)


# %% q5 | outlier and clean exchanged | the probability that the cell is healthy
def responsibility(log_base, log_outlier, pi):
    return expit(np.log(1 - pi) + log_base - np.log(pi) - log_outlier)


# %% q5 | the coin the wrong way up | which density goes with pi
def responsibility(log_base, log_outlier, pi):
    return expit(np.log(1 - pi) + log_outlier - np.log(pi) - log_base)


# %% q5 | logarithms weighed like densities | are their logarithms
def responsibility(log_base, log_outlier, pi):
    return pi * log_outlier / ((1 - pi) * log_base + pi * log_outlier)


# %% q5 | out of the log domain | you divide nothing by nothing
def responsibility(log_base, log_outlier, pi):
    outlier = pi * np.exp(log_outlier)
    return outlier / (outlier + (1 - pi) * np.exp(log_base))


# %% q5 | odds | These are the odds
def responsibility(log_base, log_outlier, pi):
    return np.exp(np.log(pi) + log_outlier - np.log(1 - pi) - log_base)


# %% q5 | a decision | You decided instead of saying how sure you are
def responsibility(log_base, log_outlier, pi):
    return (np.log(pi) + log_outlier > np.log(1 - pi) + log_base).astype(float)


# %% q6 | three sigma | That is a rule of thumb
def suspicious_distance(std, pi):
    return 3 * std


# %% q6 | the prior forgotten | Rare damage needs more evidence
def suspicious_distance(std, pi):
    return std * np.sqrt(2 * np.log(1 / (std * np.sqrt(2 * np.pi))))


# %% q6 | the constant of the Gaussian forgotten | has a factor in front of the exponential
def suspicious_distance(std, pi):
    return std * np.sqrt(2 * np.log((1 - pi) / pi))


# %% q6 | the 2 in the exponent | The exponent of the Gaussian has a 2 in it
def suspicious_distance(std, pi):
    return std * np.sqrt(np.log((1 - pi) / (pi * std * np.sqrt(2 * np.pi))))


# %% q6 | the root forgotten | That is the square of the distance
def suspicious_distance(std, pi):
    return 2 * std**2 * np.log((1 - pi) / (pi * std * np.sqrt(2 * np.pi)))


# %% q6 | in standard deviations | It is asked for in gray values
def suspicious_distance(std, pi):
    return np.sqrt(2 * np.log((1 - pi) / (pi * std * np.sqrt(2 * np.pi))))


# %% q6 | the chance to be healthy taken for one | with probability 1 - pi
def suspicious_distance(std, pi):
    return std * np.sqrt(2 * np.log(1 / (pi * std * np.sqrt(2 * np.pi))))


# %% q6 | the logarithm the wrong way up | is what stands under it positive?
def suspicious_distance(std, pi):
    return std * np.sqrt(2 * np.log(pi * std * np.sqrt(2 * np.pi) / (1 - pi)))


# %% q7 | the reconstruction of everything | also healthy ones are painted over
def repair(x, r, expected):
    return expected


# %% q7 | the weights exchanged | you replace what is healthy
def repair(x, r, expected):
    observed = np.where(np.isnan(x), expected, x)
    return (1 - r) * expected + r * observed


# %% q7 | all or nothing | You decided for each cell
def repair(x, r, expected):
    return np.where((r > 0.5) | np.isnan(x), expected, x)


# %% q7 | missing cells stay missing | NaN times zero is NaN
def repair(x, r, expected):
    return r * expected + (1 - r) * x


# %% q7 | missing cells become empty | Missing cells come back with another value
def repair(x, r, expected):
    return r * expected + (1 - r) * np.nan_to_num(x)


# %% q7 | the original is overwritten | you changed the arrays that you were given
def repair(x, r, expected):
    x[np.isnan(x)] = expected[np.isnan(x)]
    return r * expected + (1 - r) * x


# %% q8 | the mean square | That is the mean square
def rmse(repaired, truth):
    return np.mean((repaired - truth) ** 2)


hand_back, worse_than_nothing = "C", "AB"


# %% q8 | absolute errors | a few large errors count too little
def rmse(repaired, truth):
    return np.mean(np.abs(repaired - truth))


hand_back, worse_than_nothing = "C", "AB"


# %% q8 | a root for each image | One mean over all cells comes first
def rmse(repaired, truth):
    squares = np.square(repaired - truth).reshape(len(truth), -1)
    return np.sqrt(squares.mean(axis=1)).mean()


hand_back, worse_than_nothing = "C", "AB"


# %% q8 | only where something differs | it is to a repairer's credit
def rmse(repaired, truth):
    return np.sqrt(np.mean((repaired - truth)[repaired != truth] ** 2))


hand_back, worse_than_nothing = "C", "AB"


# %% q8 | convinced by the damaged cells | Nine cells in ten were not
def rmse(repaired, truth):
    return np.sqrt(np.mean((repaired - truth) ** 2))


hand_back, worse_than_nothing = "A", "B"


# %% q8 | convinced by the eye | Measure all three
def rmse(repaired, truth):
    return np.sqrt(np.mean((repaired - truth) ** 2))


hand_back, worse_than_nothing = "B", "A"


# %% q8 | doing nothing is not in the table | you have not found all
def rmse(repaired, truth):
    return np.sqrt(np.mean((repaired - truth) ** 2))


hand_back, worse_than_nothing = "C", ""
