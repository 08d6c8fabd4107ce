"""The pages of the application: start page, log-in, account preferences."""

from urllib.parse import urlsplit

from flask import Blueprint
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from flask_login import current_user
from flask_login import login_fresh
from flask_login import login_required
from flask_login import login_user
from flask_login import logout_user
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import ProgrammingError
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms import StringField
from wtforms.validators import DataRequired
from wtforms.validators import Length
from wtforms.validators import Regexp

from example_app.models import User

blueprint = Blueprint("pages", __name__)


class LoginForm(FlaskForm):
    """Email and password."""

    email = StringField(
        "Email",
        [
            DataRequired("Enter your email address."),
            Length(max=254, message="Use 254 characters or fewer."),
            Regexp(
                r"\s*[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+\s*$",
                message="Enter an email address, such as ada@example.com.",
            ),
        ],
    )
    password = PasswordField(
        "Password",
        [
            DataRequired("Enter your password."),
            Length(max=1024, message="That is not your password."),
        ],
    )


@blueprint.get("/")
def start() -> str:
    """Show the start page, which needs no log-in."""
    return render_template("start.html")


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> str | Response | tuple[str, int]:
    """Log a user in and redirect to the page they asked for."""
    form = LoginForm()  # type: ignore[no-untyped-call]
    if request.method != "POST":
        if current_user.is_authenticated and login_fresh():  # type: ignore[attr-defined]
            return redirect(safe_next())
        return render_template("login.html", form=form)
    if not form.validate() or not _sign_in(form):
        return render_template("login.html", form=form), 422
    # 303 makes the browser follow with GET instead of a second POST.
    return redirect(safe_next(), 303)


@blueprint.post("/logout")
def logout() -> Response:
    """Log the user out."""
    logout_user()
    return redirect(url_for("pages.login"), 303)


@blueprint.get("/account/preferences")
@login_required  # type: ignore[untyped-decorator]
def preferences() -> str:
    """Show the profile and, below it, the plugin's section."""
    return render_template("preferences.html")


@blueprint.errorhandler(CSRFError)
def form_too_old(_error: CSRFError) -> tuple[str, int]:
    """Explain that the form has expired."""
    text = "This form was open too long. Nothing was changed."
    return render_template("message.html", heading="Try again", text=text), 400


@blueprint.errorhandler(OperationalError)
@blueprint.errorhandler(ProgrammingError)
def database_not_ready(_error: Exception) -> Response:
    """Explain what to do if the database is down or has no tables."""
    text = (
        "The database does not answer, or has no tables yet. "
        "Create and fill them with: flask --app example_app seed\n"
    )
    # Plain text, because the layout would query the same database for the user.
    return Response(text, 503, mimetype="text/plain")


def safe_next() -> str:
    """Return the path to go to after the log-in: `next`, or the preferences."""
    # An attacker may send a user to /login with an address of another site in `next`.
    # Browsers read `//host` and `/\\host` as another site and drop control characters,
    # so only a plain path is accepted.
    home = url_for("pages.preferences")
    target = request.args.get("next", "")
    if not target.startswith("/") or target[1:2] in {"/", "\\"}:
        return home
    if not target.isprintable() or "\\" in target:
        return home
    try:
        parts = urlsplit(target)
    except ValueError:
        return home
    return home if parts.scheme or parts.netloc else target


def _sign_in(form: LoginForm) -> bool:
    """Log in the user that the form names, or add an error to the form."""
    user = User.with_password(form.email.data or "", form.password.data or "")
    if user is None:
        form.form_errors.append("That email address and password do not match.")
        return False
    if not login_user(user):
        form.form_errors.append("This account is switched off.")
        return False
    return True
